"""A backtest's result as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Final

from trading.engine.backtest import Result
from trading.engine.metrics import SliceMetrics
from trading.engine.tape import EXIT_REASONS
from trading.engine.trades import Trades

LABEL, VALUE, GAP = 28, 27, 3
SLICES: Final = {
    "reason": "By exit",
    "side": "By side",
    "session": "By session",
    "weekday": "By weekday",
    "hour": "By hour",
}
UNITS: Final = {"%": " %", "R": " R", "days": " days", "hours": " h"}


def report_text(result: Result, *, with_trades: bool = False) -> str:
    """The whole report; with `with_trades` every trade as well."""
    metrics, currency = result.metrics, str(result.settings["currency"])
    equity = ["Equity", *_figures(metrics.equity, currency)]
    costs = ["Costs", *_figures(metrics.costs, currency)]
    trades = ["Trades", *_figures(metrics.trades, currency)]
    returns = ["Returns", *_figures(metrics.returns, currency)]
    drawdowns = ["Drawdowns", *_figures(metrics.drawdowns, currency)]
    quality = ["Quality of trades", *_figures(metrics.quality, currency)]
    lines = [*_head(result), ""]
    lines += [f"! {warning}" for warning in result.warnings]
    lines += [""] if result.warnings else []
    lines += _beside([*equity, "", *costs], trades)
    lines += ["", *_beside([*returns, "", *drawdowns], quality)]
    for name, head in SLICES.items():
        lines += ["", *_slices(head, metrics.slices[name], currency)]
    lines += [f"  refused: {code} {count:,}" for code, count in result.denials.items()]
    if with_trades:
        digits = int(str(result.settings["digits"]))
        lines += ["", *_trade_table(result.trades, digits)]
    return "\n".join(line.rstrip() for line in lines)


def _head(result: Result) -> list[str]:
    s: Any = result.settings
    params = ", ".join(f"{name} {value}" for name, value in s["params"].items())
    sizing = ", ".join(f"{name} {value}" for name, value in s["sizing"].items())
    limits = ", ".join(f"{name} {value}" for name, value in s["limits"].items())
    return [
        f"{s['strategy']} on {s['symbol']}: {s['from'][:16]} to {s['to'][:16]} UTC",
        f"  bars       {s['bars']:,} after {s['warm_up_bars']:,} to warm up",
        f"  params     {params}",
        f"  account    {s['balance']} {s['currency']}, leverage {s['leverage']},"
        f" profit converted by {s['conversion']}, days from {s['days']}",
        f"  sizing     {sizing}",
        f"  limits     {limits}",
        f"  costs      spread {s['mean_spread_ticks']:g} ticks (mean),"
        f" commission {s['commission_per_lot']} {s['currency']} a lot,"
        f" slippage {s['slippage_ticks']} ticks,"
        f" swap {s['swap_long']} / {s['swap_short']} points a night",
    ]


def _figures(values: object, currency: str) -> list[str]:
    """A line per metric; an interval stands behind its metric."""
    lines = []
    for f in fields(values):  # type: ignore[arg-type]
        name = f.name
        if name.endswith(("_low", "_high")):
            continue
        text = number_text(getattr(values, name), f.metadata["unit"], currency)
        low, high = getattr(values, f"{name}_low", None), getattr(values, f"{name}_high", None)
        if low is not None and high is not None:
            text += f" ({low:.2f} to {high:.2f})"
        lines.append(f"  {f.metadata['label']:<{LABEL}}{text:>{VALUE}}")
    return lines


def number_text(value: float | int | None, unit: str, currency: str) -> str:
    """A metric with its unit; n/a where it is undefined."""
    if value is None:
        return "n/a"
    if isinstance(value, int):
        return f"{value:,}"
    if unit == "money":
        return f"{value:,.2f} {currency}"
    return f"{value:,.2f}{UNITS.get(unit, '')}"


def _beside(left: Sequence[str], right: Sequence[str]) -> list[str]:
    width = LABEL + VALUE + 2 + GAP
    return [f"{a:<{width}}{b}" for a, b in zip_longest(left, right, fillvalue="")]


def _slices(head: str, slices: Mapping[str, SliceMetrics], currency: str) -> Iterable[str]:
    yield f"{head:<14}{'trades':>8}{'win rate':>12}{'mean R':>10}{'net':>20}"
    for name, found in slices.items():
        rate = number_text(found.win_rate_percent, "%", currency)
        mean = number_text(found.mean_r, "", currency)
        net = number_text(found.net, "money", currency)
        yield f"  {name:<12}{found.count:>8,}{rate:>12}{mean:>10}{net:>20}"


def _trade_table(trades: Trades, digits: int) -> Iterable[str]:
    yield (
        f"{'entry (UTC)':<18}{'exit (UTC)':<18}{'side':<6}{'lots':>8}{'entry':>13}{'exit':>13}"
        f"{'stop':>13}  {'reason':<9}{'net':>13}{'R':>8}"
    )
    for i in range(len(trades)):
        prices = (trades.entry[i], trades.exit[i], trades.stop[i])
        yield (
            f"{_minute(trades.entry_time[i]):<18}{_minute(trades.exit_time[i]):<18}"
            f"{'long' if trades.side[i] > 0 else 'short':<6}{trades.lots[i]:>8.2f}"
            + "".join(f"{price:>13.{digits}f}" for price in prices)
            + f"  {EXIT_REASONS[trades.reason[i]]:<9}{trades.net[i]:>13,.2f}{trades.r[i]:>8.2f}"
        )


def _minute(stamp: int) -> str:
    return f"{datetime.fromtimestamp(int(stamp), UTC):%Y-%m-%d %H:%M}"
