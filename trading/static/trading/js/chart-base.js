// What both charts share: colours from the theme, and a first fit once there is room.

const { createChart, CrosshairMode } = window.LightweightCharts;

/** A colour of dashboard.css by its short name. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--tb-${name}`).trim();
}

function themed() {
  return {
    layout: {
      background: { color: "transparent" },
      textColor: colour("text"),
      fontFamily: getComputedStyle(document.body).fontFamily,
    },
    grid: { vertLines: { color: colour("grid") }, horzLines: { color: colour("grid") } },
    rightPriceScale: { borderColor: colour("grid") },
    timeScale: { borderColor: colour("grid") },
  };
}

/** A chart that fills its container and follows the theme; `repaint` recolours its series. */
export function themedChart(container, repaint) {
  const chart = createChart(container, {
    autoSize: true,
    crosshair: { mode: CrosshairMode.Normal },
    timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 6 },
    localization: { locale: "en" },
  });
  const paint = () => {
    chart.applyOptions(themed());
    repaint();
  };
  const watcher = new MutationObserver(paint);
  watcher.observe(document.documentElement, { attributeFilter: ["class"] });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  return { chart, paint };
}

/** Call once, as soon as the container has a size: a fit before that squeezes the bars. */
export function onceSized(container, call) {
  const observer = new ResizeObserver(() => {
    if (!container.clientWidth || !container.clientHeight) return;
    observer.disconnect();
    call();
  });
  observer.observe(container);
}
