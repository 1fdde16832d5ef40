// The equity curve of one account, over the market's time.

import { colour, onceSized, themedChart } from "./chart-base.js";
import { formatMoney } from "./format.js";

const { AreaSeries } = window.LightweightCharts;
const STEP = 60; // seconds of the market's time per live point
const MOST_POINTS = 1500;

export class EquityChart {
  /** `say(text)` shows a message, "" hides it. */
  constructor(container, { say }) {
    Object.assign(this, { container, say });
    this.points = []; // { time, value }
    const { chart, paint } = themedChart(container, () => this.repaint());
    this.chart = chart;
    this.series = chart.addSeries(AreaSeries, { lineWidth: 2 });
    paint();
  }

  show(curve, currency) {
    this.points = curve.map(([time, value]) => ({ time, value }));
    this.series.applyOptions({
      priceFormat: {
        type: "custom",
        minMove: 0.01,
        formatter: (value) => formatMoney(value, currency),
      },
    });
    this.draw();
    onceSized(this.container, () => this.chart.timeScale().fitContent());
  }

  /** A live point; points of one market minute are one. */
  add(marketTime, value) {
    if (!marketTime) return;
    const last = this.points[this.points.length - 1];
    const time = Math.max(marketTime - (marketTime % STEP), last?.time ?? 0);
    if (last?.time === time) last.value = value;
    else this.points.push({ time, value });
    if (this.points.length > MOST_POINTS) this.thin();
    else this.series.update({ time, value });
    if (this.points.length <= 2) this.draw();
  }

  /** Forget every other point: a page that stays open for weeks must not grow for weeks. */
  thin() {
    const newest = this.points.length - 1;
    this.points = this.points.filter((_, index) => (newest - index) % 2 === 0);
    this.draw();
  }

  draw() {
    this.series.setData(this.points);
    this.say(this.points.length ? "" : "No equity yet. The curve grows while the gateway runs.");
  }

  repaint() {
    this.series?.applyOptions({
      lineColor: colour("accent"),
      topColor: colour("accent-fade"),
      bottomColor: "transparent",
    });
  }
}
