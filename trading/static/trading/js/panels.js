// The cards, tables and lists of the page, painted from the state.

import {
  byId,
  element,
  keyed,
  lines,
  setClass,
  setOptions,
  setText,
  tableRows,
  text,
} from "./dom.js";
import {
  NOTHING,
  direction,
  formatAge,
  formatDay,
  formatHour,
  formatMoney,
  formatResult,
  formatShare,
  formatSide,
  formatTime,
} from "./format.js";

const page = byId("dashboard").dataset;
const NUMBER = "tb-number";
const SEVERITIES = { 10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical" };
const OUTCOMES = {
  ENTRY: "good",
  EXIT: "info",
  DENIED: "warning",
  EXPIRED: "bad",
  FAILED: "bad",
};
const STATES = {
  ACTIVE: "good",
  RUNNING: "good",
  REDUCING: "info",
  DEGRADED: "warning",
  HALTED: "bad",
};

const adminLink = (pattern, id) => (pattern ? pattern.replace("/0/", `/${id}/`) : "");
const sentence = (word) => word.charAt(0) + word.slice(1).toLowerCase();

function setBadge(node, word, kinds) {
  setClass(node, "tb-badge");
  node.dataset.kind = kinds[word] ?? "plain";
  setText(node, word ? sentence(word) : NOTHING);
}

/** A column of profit in the account's currency. */
const profitOf = (state) => (cell, row) => {
  setClass(cell, `${NUMBER} ${direction(row.profit)}`.trim());
  setText(cell, formatResult(row.profit, state.currency(row.account)));
};


function show(id, rows) {
  byId(id).closest(".tb-scroll, .tb-events").hidden = rows.length === 0;
  byId(`${id}-empty`).hidden = rows.length > 0;
  const count = byId(`${id}-count`);
  if (count) setText(count, rows.length ? String(rows.length) : "");
}

function accountCard(account) {
  const href = adminLink(page.accountUrl, account.id);
  const name = href ? element("a", { class: "tb-link", href }) : element("span");
  const figure = (label, key) =>
    element("div", {}, element("dt", {}, label), element("dd", { "data-part": key }));
  const parts = element(
    "div",
    {},
    element("header", {}, element("h2", {}, name), element("span", { "data-part": "state" })),
    element("p", { class: "tb-equity", "data-part": "equity" }),
    element("p", { class: "tb-today", "data-part": "today" }),
    element(
      "dl",
      { class: "tb-figures" },
      figure("Balance", "balance"),
      figure("Margin", "margin"),
      figure("Last word", "age"),
    ),
    element("p", { class: "tb-reason", "data-part": "reason" }),
  );
  return element("article", { class: "tb-card tb-account" }, parts);
}

function today(account) {
  if (account.day_start_equity === null) return { value: 0, words: "Day has no start yet" };
  const start = Number(account.day_start_equity);
  const value = Number(account.equity) - start;
  const share = start ? ` (${formatShare(value / start)})` : "";
  return { value, words: `${formatResult(value.toFixed(2), account.currency)}${share} today` };
}

function marginOf(account) {
  const [margin, equity] = [Number(account.margin), Number(account.equity)];
  const used = equity > 0 ? ` (${((100 * margin) / equity).toFixed(1)} %)` : "";
  return formatMoney(margin, account.currency) + (margin ? used : "");
}

function paintAccount(card, account) {
  const part = (name) => card.querySelector(`[data-part="${name}"]`);
  const { value, words } = today(account);
  setText(card.querySelector("h2").firstElementChild, account.name);
  setBadge(part("state"), account.state, STATES);
  setText(part("equity"), formatMoney(account.equity, account.currency));
  setClass(part("today"), `tb-today ${direction(value.toFixed(2))}`.trim());
  setText(part("today"), words);
  setText(part("balance"), formatMoney(account.balance, account.currency));
  setText(part("margin"), marginOf(account));
  setText(part("reason"), account.state_reason);
  part("reason").hidden = !account.state_reason;
  card.dataset.observed = account.observed_at ?? "";
  paintAge(card);
}

function paintAge(card) {
  const observed = Date.parse(card.dataset.observed);
  const age = (Date.now() - observed) / 1000;
  const node = card.querySelector('[data-part="age"]');
  setText(node, Number.isNaN(age) ? "never" : `${formatAge(age)} ago`);
  setClass(node, age > 30 ? "tb-late" : "");
}

/** Ages grow by themselves; call it every second. */
export function paintAges() {
  for (const card of byId("accounts").children) paintAge(card);
}

export function paintAccounts(state) {
  const accounts = [...state.accounts.values()];
  keyed(byId("accounts"), accounts, accountCard, paintAccount);
  byId("accounts-empty").hidden = accounts.length > 0;
  const select = byId("equity-account");
  const choices = accounts.map(({ id, name }) => ({ value: id, label: name }));
  const known = [...select.options].map((option) => option.value + option.label).join();
  if (known !== choices.map((choice) => choice.value + choice.label).join()) {
    setOptions(select, choices);
  }
}

export function paintPositions(state) {
  tableRows(byId("positions"), state.positions, [
    dealt((row) => `${formatSide(row.side)} ${row.lots}`),
    profitOf(state),
    text((row) => row.entry_price, NUMBER),
    text((row) => row.stop ?? NOTHING, NUMBER),
    text((row) => row.take ?? NOTHING, NUMBER),
    lines((row) => row.deployment || "Opened by hand", (row) => state.accountName(row.account)),
    text((row) => formatTime(row.opened_at)),
  ]);
  show("positions", state.positions);
}

/** A column of the symbol, and smaller what was dealt in it. */
const dealt = (read) => lines((row) => row.symbol, read, "tb-dealt");

export function paintDeployments(state) {
  const deployments = [...state.deployments.values()];
  tableRows(byId("deployments"), deployments, [
    (cell, row) => paintDeployment(cell, row, state),
    paintDecision,
    lines((row) => formatHour(row.bar_open), (row) => formatDay(row.bar_open)),
    (cell, row) => {
      if (!cell.childElementCount) cell.append(element("span"));
      setBadge(cell.firstElementChild, row.state, STATES);
    },
  ]);
  show("deployments", deployments);
}

function paintDeployment(cell, row, state) {
  if (!cell.childElementCount) {
    const href = adminLink(page.deploymentUrl, row.id);
    const label = href ? element("a", { class: "tb-link", href }) : element("span");
    cell.append(label, element("small"));
  }
  const account = state.accountName(row.account);
  setText(cell.firstElementChild, row.label);
  setText(cell.lastElementChild, account);
  cell.lastElementChild.title = account;
}

function paintDecision(cell, row) {
  setClass(cell, "tb-reasoned");
  if (!cell.childElementCount) cell.append(element("span"), element("small"));
  setBadge(cell.firstElementChild, row.outcome, OUTCOMES);
  const reason = [row.code, row.message].filter(Boolean).join(": ");
  setText(cell.lastElementChild, row.outcome ? reason : "No closed bar yet");
}

export function paintFills(state) {
  const fills = state.newestFirst(state.fills);
  const deal = (row) => {
    const reason = row.reason ? `, ${row.reason.toLowerCase().replace("_", " ")}` : "";
    return `${formatSide(row.side)} ${row.opens ? "in" : "out"} ${row.lots}${reason}`;
  };
  tableRows(byId("fills"), fills, [
    dealt(deal),
    (cell, row) => (row.opens ? text(() => NOTHING, NUMBER)(cell) : profitOf(state)(cell, row)),
    text((row) => row.price, NUMBER),
    lines((row) => formatTime(row.at), (row) => state.accountName(row.account)),
  ]);
  show("fills", fills);
}

export function paintEvents(state) {
  const events = state.newestFirst(state.events);
  keyed(byId("events"), events, eventItem, () => {});
  show("events", events);

  function eventItem(event) {
    const severity = SEVERITIES[event.severity] ?? "info";
    const name = event.account === null ? "" : state.accountName(event.account);
    return element(
      "li",
      { "data-severity": severity },
      element("time", { datetime: event.at, title: `${event.at} (UTC)` }, formatTime(event.at)),
      element("span", { class: "tb-severity" }, severity),
      element("span", { class: "tb-message" }, event.message),
      element("span", { class: "tb-kind" }, [event.kind, name].filter(Boolean).join(" · ")),
    );
  }
}
