// Numbers and times as people read them. Everything is UTC: markets know no local time.

const money = new Map(); // one formatter per currency
const MINUS = "\u2212";
export const NOTHING = "\u2013";

/** 1234.5, "USD" -> "$1,234.50"; a currency nobody knows is put in front as it is. */
export function formatMoney(value, currency) {
  if (!money.has(currency)) money.set(currency, moneyFormat(currency));
  return money.get(currency)(Number(value)).replace("-", MINUS);
}

function moneyFormat(currency) {
  try {
    const format = new Intl.NumberFormat("en", { style: "currency", currency });
    return (value) => format.format(value);
  } catch {
    const format = new Intl.NumberFormat("en", { minimumFractionDigits: 2 });
    return (value) => `${currency} ${format.format(value)}`.trim();
  }
}

/** The same with its sign always shown. */
export function formatResult(value, currency) {
  return (Number(value) > 0 ? "+" : "") + formatMoney(value, currency);
}

/** A change in percent with its sign: 0.0123 -> "+1.23 %". */
export function formatShare(share) {
  const text = Math.abs(share * 100).toFixed(2);
  const sign = Number(text) === 0 ? "" : share > 0 ? "+" : MINUS;
  return `${sign}${text} %`;
}

/** "up", "down" or "": how a number is coloured. */
export function direction(value) {
  const number = Number(value);
  return number > 0 ? "up" : number < 0 ? "down" : "";
}

/** "08 Jan" of an ISO string, in UTC. */
export function formatDay(iso) {
  if (!iso) return "";
  return new Date(iso).toLocaleString("en-GB", { day: "2-digit", month: "short", timeZone: "UTC" });
}

/** "12:30" of an ISO string, in UTC. */
export function formatHour(iso) {
  return iso ? new Date(iso).toISOString().slice(11, 16) : NOTHING;
}

/** "08 Jan 12:30:05" of an ISO string, in UTC. */
export function formatTime(iso) {
  return iso ? `${formatDay(iso)} ${new Date(iso).toISOString().slice(11, 19)}` : NOTHING;
}

/** "Mon 08 Jan 2024 12:30:05" of epoch seconds, in UTC. */
export function formatClock(seconds) {
  const iso = new Date(seconds * 1000).toISOString();
  const day = new Date(iso).toLocaleString("en", { weekday: "short", timeZone: "UTC" });
  return `${day} ${formatDay(iso)} ${iso.slice(0, 4)} ${iso.slice(11, 19)}`;
}

/** "3 s", "5 min", "2 h" or "4 d". */
export function formatAge(seconds) {
  const age = Math.max(0, Math.round(seconds));
  if (age < 60) return `${age} s`;
  if (age < 3600) return `${Math.floor(age / 60)} min`;
  if (age < 86400) return `${Math.floor(age / 3600)} h`;
  return `${Math.floor(age / 86400)} d`;
}

/** 1 -> "Long", -1 -> "Short". */
export function formatSide(side) {
  return side > 0 ? "Long" : "Short";
}
