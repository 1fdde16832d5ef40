// The live page: frames come in, the state takes them, panels and charts show it.

import { CandleChart } from "./candle-chart.js";
import { Connection } from "./connection.js";
import { byId, element, setOptions, setText } from "./dom.js";
import { EquityChart } from "./equity-chart.js";
import { formatAge, formatClock } from "./format.js";
import {
  paintAccounts,
  paintAges,
  paintDeployments,
  paintEvents,
  paintFills,
  paintPositions,
} from "./panels.js";
import { State } from "./state.js";

const QUIET = 10; // seconds without prices after which the page says so
const page = byId("dashboard").dataset;
const choices = JSON.parse(byId("charts").textContent);
const state = new State();
let snapshots = 0;
let pricesAt = null; // performance.now() of the last prices, or of the connection before any

/** Shows a message over a chart. */
const sayIn = (id) => (words) => {
  setText(byId(id), words);
  byId(id).hidden = !words;
};

/** The address given, or its path at our own host. */
function websocketUrl() {
  const url = new URL(page.websocketUrl, window.location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

async function loadCandles({ symbol_id: symbol, timeframe }) {
  const response = await fetch(`${page.candlesUrl}?${new URLSearchParams({ symbol, timeframe })}`);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return response.json();
}

/** False only when the server says so: a server that cannot be asked is no sign-out. */
async function signedIn() {
  try {
    return (await fetch(page.candlesUrl)).status !== 403;
  } catch {
    return true;
  }
}

function start() {
  const chart = new CandleChart(byId("chart"), {
    load: loadCandles,
    say: sayIn("chart-message"),
    currency: (account) => state.currency(account),
  });
  const equity = new EquityChart(byId("equity"), { say: sayIn("equity-message") });
  const connection = new Connection({
    url: websocketUrl(),
    onFrame: (frame) => receive(frame, chart, equity),
    onState: (line) => {
      if (line === "open") pricesAt = performance.now();
      paintStatus(connection);
    },
    signedIn,
  });
  byId("equity-account").addEventListener("change", () => showEquity(equity));
  chooseChart(chart);
  connection.open();
  window.setInterval(() => {
    paintAges();
    paintStatus(connection);
  }, 1000);
}

function chooseChart(chart) {
  const select = byId("chart-choice");
  byId("chart-empty").hidden = choices.length > 0;
  byId("chart").hidden = select.parentElement.hidden = choices.length === 0;
  if (!choices.length) return;
  setOptions(
    select,
    choices.map((choice, value) => ({ value, label: `${choice.symbol} ${choice.timeframe}` })),
  );
  const chosen = sessionStorage.getItem("chart");
  const index = choices.findIndex((choice) => keyOf(choice) === chosen);
  select.value = String(Math.max(0, index));
  const showChosen = () => {
    const choice = choices[Number(select.value)];
    sessionStorage.setItem("chart", keyOf(choice));
    setText(byId("chart-title"), `${choice.symbol} ${choice.timeframe}`);
    paintQuote();
    chart.show(choice);
  };
  select.addEventListener("change", showChosen);
  showChosen();
}

const keyOf = (choice) => `${choice.symbol_id} ${choice.timeframe}`;

function receive(frame, chart, equity) {
  state.apply(frame);
  if (frame.type === "market") {
    receiveMarket(frame, chart, equity);
    return;
  }
  paintAccounts(state);
  paintPositions(state);
  paintFills(state);
  paintDeployments(state);
  paintEvents(state);
  chart.addFills(frame.fills);
  if (frame.type === "snapshot") {
    chart.setPositions(state.positions);
    if (snapshots++) chart.reload(); // frames were missed while the line was down
    else {
      chart.paintMarkers(); // now with their currencies
      chooseEquity();
    }
    showEquity(equity);
  }
}

function receiveMarket(frame, chart, equity) {
  pricesAt = performance.now();
  paintAccounts(state);
  paintPositions(state);
  paintDeployments(state);
  paintQuote();
  frame.candles.forEach((candle) => chart.update(candle));
  chart.setPositions(state.positions);
  const account = state.accounts.get(Number(byId("equity-account").value));
  if (account) equity.add(state.marketTime, Number(account.equity));
}

/** Begin with an account that has a curve. */
function chooseEquity() {
  const [account] = [...state.equity].find(([, curve]) => curve.length) ?? [];
  if (account !== undefined) byId("equity-account").value = String(account);
}

function showEquity(equity) {
  const id = Number(byId("equity-account").value);
  equity.show(state.equity.get(id) ?? [], state.currency(id));
}

function paintQuote() {
  const choice = choices[Number(byId("chart-choice").value)];
  const quote = choice && state.quotes.get(choice.symbol);
  if (state.marketTime) setText(byId("market-time"), formatClock(state.marketTime));
  setText(byId("quote"), quote ? `${quote.bid} / ${quote.ask}` : "");
}

/** The words for people and screen readers change with the state alone; the age beside does not. */
function paintStatus({ state: line, retryAt }) {
  const silence = (performance.now() - pricesAt) / 1000;
  const shown = line === "open" && silence > QUIET ? "quiet" : line;
  const words = {
    connecting: "Connecting…",
    open: "Live",
    quiet: "Connected, no prices",
    waiting: "Reconnecting",
    refused: "Signed out.",
  }[shown];
  const status = byId("status");
  if (status.dataset.state !== shown || byId("status-text").textContent !== words) {
    status.dataset.state = shown;
    setText(byId("status-text"), words);
    status.querySelector("a")?.remove();
    if (shown === "refused") {
      status.append(element("a", { href: page.loginUrl, class: "tb-link" }, "Sign in again"));
    }
  }
  const wait = (retryAt - performance.now()) / 1000;
  const ages = { waiting: `in ${formatAge(wait)}`, quiet: `for ${formatAge(silence)}` };
  setText(byId("status-age"), ages[shown] ?? "");
}

// Charts measure their box when they are made: only once everything has its place.
if (document.readyState === "complete") start();
else window.addEventListener("load", start, { once: true });
