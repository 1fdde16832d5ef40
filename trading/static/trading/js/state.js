// What the page knows: the frames of the WebSocket put together.

const EVENTS_KEPT = 200;
const FILLS_KEPT = 20;

const byKey = (rows, key) => new Map(rows.map((row) => [row[key], row]));

/** Keep the rows of the greatest ids. */
function trim(rows, count) {
  const ids = [...rows.keys()].sort((a, b) => a - b);
  for (const id of ids.slice(0, Math.max(0, ids.length - count))) rows.delete(id);
}

export class State {
  constructor() {
    this.accounts = new Map();
    this.positions = [];
    this.fills = new Map();
    this.deployments = new Map();
    this.events = new Map();
    this.quotes = new Map();
    this.equity = new Map(); // account id -> [[epoch seconds, equity], ...]
    this.marketTime = 0;
    this.lastEventId = 0;
  }

  /** Take a frame in. */
  apply(frame) {
    if (frame.type === "snapshot") this.applySnapshot(frame);
    else if (frame.type === "events") this.applyEvents(frame);
    else if (frame.type === "market") this.applyMarket(frame);
  }

  applySnapshot(frame) {
    if (frame.last_event_id < this.lastEventId) this.events.clear(); // the log began anew
    this.lastEventId = frame.last_event_id;
    this.accounts = byKey(frame.accounts, "id");
    this.positions = frame.positions;
    this.fills = byKey(frame.fills, "id");
    this.deployments = byKey(frame.deployments, "id");
    this.equity = new Map(
      Object.entries(frame.equity).map(([account, curve]) => [Number(account), curve]),
    );
    this.addEvents(frame.events);
  }

  applyEvents(frame) {
    this.addEvents(frame.events);
    for (const account of frame.accounts) this.accounts.set(account.id, account);
    for (const fill of frame.fills) this.fills.set(fill.id, fill);
    trim(this.fills, FILLS_KEPT);
    for (const deployment of frame.deployments) {
      this.deployments.set(deployment.id, deployment);
    }
  }

  applyMarket(frame) {
    for (const quote of frame.quotes) {
      this.quotes.set(quote.symbol, quote);
      this.marketTime = Math.max(this.marketTime, quote.time);
    }
    for (const account of frame.accounts) this.accounts.set(account.id, account);
    this.positions = frame.positions;
    this.deployments = byKey(frame.deployments, "id");
  }

  addEvents(events) {
    for (const event of events) {
      this.events.set(event.id, event);
      this.lastEventId = Math.max(this.lastEventId, event.id);
    }
    trim(this.events, EVENTS_KEPT);
  }

  currency(accountId) {
    return this.accounts.get(accountId)?.currency ?? "";
  }

  accountName(accountId) {
    return this.accounts.get(accountId)?.name ?? "";
  }

  /** Rows of a map with the greatest id first. */
  newestFirst(rows) {
    return [...rows.values()].sort((a, b) => b.id - a.id);
  }
}
