// The candle chart: history, the forming candle, arrows at fills, lines of open positions.

import { colour, onceSized, themedChart } from "./chart-base.js";
import { formatResult, formatSide } from "./format.js";

const { CandlestickSeries, LineStyle, createSeriesMarkers } = window.LightweightCharts;
const VISIBLE_BARS = 120;
const RETRY = 5000; // ms
const SECONDS = { M1: 60, M5: 300, M15: 900, M30: 1800, H1: 3600, H4: 14400, D1: 86400 };

export class CandleChart {
  /** `load(choice)` resolves to { candles, fills }; `say(text)` shows a message, "" hides it. */
  constructor(container, { load, say, currency }) {
    Object.assign(this, { container, load, say, currency });
    this.choice = null;
    this.fills = new Map();
    this.lines = new Map(); // "position:entry" -> price line
    this.positions = [];
    this.ready = false;
    const { chart, paint } = themedChart(container, () => this.repaint());
    this.chart = chart;
    this.series = chart.addSeries(CandlestickSeries);
    this.markers = createSeriesMarkers(this.series, []);
    paint();
  }

  /** Look at another symbol and timeframe. */
  show(choice) {
    this.choice = choice;
    this.fills.clear();
    this.series.setData([]);
    this.paintMarkers();
    this.paintLines();
    const precision = choice.digits;
    this.series.applyOptions({
      priceFormat: { type: "price", precision, minMove: 10 ** -precision },
    });
    return this.reload({ fit: true });
  }

  /** Fetch the history anew: at a switch, and after every reconnect, for frames may be missing. */
  async reload({ fit = false } = {}) {
    const choice = this.choice;
    if (!choice) return;
    window.clearTimeout(this.retry);
    this.ready = false;
    this.waiting = new Map(); // live candles that come while the history is on its way
    if (fit) this.say("Loading bars…");
    try {
      const history = await this.load(choice);
      if (choice === this.choice) this.take(history, fit);
    } catch (error) {
      if (choice !== this.choice) return;
      this.say(`Could not load bars: ${error.message}`);
      this.retry = window.setTimeout(() => this.reload({ fit }), RETRY);
    }
  }

  take({ candles, fills }, fit) {
    this.series.setData(candles);
    this.first = candles.length ? candles[0].time : 0;
    this.last = candles.length ? candles[candles.length - 1].time : 0;
    this.ready = true;
    const waiting = [...this.waiting.values()].sort((a, b) => a.time - b.time);
    waiting.filter((candle) => candle.time >= this.last).forEach((candle) => this.update(candle));
    this.addFills(fills);
    this.paintMarkers();
    this.paintLines();
    this.say(this.last ? "" : "No bar yet. The first one closes soon.");
    if (fit) onceSized(this.container, () => this.fit(candles.length));
  }

  fit(count) {
    const to = count + 6;
    this.chart.timeScale().setVisibleLogicalRange({ from: to - VISIBLE_BARS, to });
  }

  /** A candle of a market frame, forming or closed. */
  update(candle) {
    if (!this.shows(candle) || candle.timeframe !== this.choice.timeframe) return;
    if (this.ready && this.misses(candle)) this.reload();
    if (!this.ready) return void this.waiting.set(candle.time, candle);
    if (!this.last) {
      this.first = candle.time;
      this.say("");
    }
    if (candle.time < this.first) return;
    this.series.update(candle, candle.time < this.last);
    this.last = Math.max(this.last, candle.time);
  }

  /** Is there a hole before this candle? A hole the history does not fill is a closed market. */
  misses(candle) {
    const hole = this.last && candle.time - this.last > SECONDS[candle.timeframe];
    if (!hole || this.hole === this.last) return false;
    this.hole = this.last;
    return true;
  }

  shows(row) {
    return this.choice !== null && row.symbol === this.choice.symbol;
  }

  addFills(fills) {
    const mine = fills.filter((fill) => this.shows(fill) && !this.fills.has(fill.id));
    mine.forEach((fill) => this.fills.set(fill.id, fill));
    if (mine.length) this.paintMarkers();
  }

  setPositions(positions) {
    this.positions = positions;
    this.paintLines();
  }

  repaint() {
    const [up, down] = [colour("up"), colour("down")];
    this.series?.applyOptions({
      upColor: up,
      downColor: down,
      borderVisible: false,
      wickUpColor: up,
      wickDownColor: down,
    });
    if (!this.markers) return;
    this.paintMarkers();
    this.lines.forEach((line) => this.series.removePriceLine(line));
    this.lines.clear();
    this.paintLines();
  }

  paintMarkers() {
    const width = SECONDS[this.choice?.timeframe] ?? 60;
    const markers = [...this.fills.values()].map((fill) => this.marker(fill, width));
    markers.sort((a, b) => a.time - b.time);
    this.markers.setMarkers(markers.filter((marker) => marker.time >= (this.first ?? 0)));
  }

  marker(fill, width) {
    const seconds = Math.floor(Date.parse(fill.at) / 1000);
    const buys = fill.opens === fill.side > 0;
    const profit = Number(fill.profit);
    const result = formatResult(fill.profit, this.currency(fill.account));
    return {
      time: seconds - (seconds % width),
      position: buys ? "belowBar" : "aboveBar",
      shape: fill.opens ? (buys ? "arrowUp" : "arrowDown") : "circle",
      color: fill.opens ? colour("accent") : colour(profit < 0 ? "down" : "up"),
      text: fill.opens ? "" : result,
    };
  }

  /** Entry, stop and take of the open positions of this symbol. */
  paintLines() {
    const wanted = new Map();
    for (const position of this.positions.filter((row) => this.shows(row))) {
      const title = `${formatSide(position.side)} ${position.lots}`;
      this.want(wanted, position, "entry", position.entry_price, title, "accent");
      this.want(wanted, position, "stop", position.stop, "Stop", "down");
      this.want(wanted, position, "take", position.take, "Take", "up");
    }
    for (const [key, line] of this.lines) {
      if (wanted.has(key)) continue;
      this.series.removePriceLine(line);
      this.lines.delete(key);
    }
    for (const [key, options] of wanted) {
      const line = this.lines.get(key);
      if (!line) this.lines.set(key, this.series.createPriceLine(options));
      else if (line.options().price !== options.price) line.applyOptions(options);
    }
  }

  want(wanted, position, kind, price, title, name) {
    if (price === null) return;
    wanted.set(`${position.id}:${kind}`, {
      price: Number(price),
      title,
      color: colour(name),
      lineWidth: 1,
      lineStyle: kind === "entry" ? LineStyle.Solid : LineStyle.Dashed,
    });
  }
}
