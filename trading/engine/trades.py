"""Closed trades as columns: prices, money and what each one cost and risked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal

import numpy as np

from trading.engine import tape
from trading.engine.fills import Contract
from trading.engine.tape import Output, Tape
from trading.engine.types import FloatArray, Instrument, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """Closed trades in order of their exits: equally long columns.

    Times are the open times (epoch seconds) of the bars of entry and exit; money is account
    currency. Costs are positive; `swap` is signed as booked.
    """

    entry_bar: IntArray
    exit_bar: IntArray
    entry_time: IntArray
    exit_time: IntArray
    side: IntArray
    lots: FloatArray
    entry: FloatArray
    exit: FloatArray
    stop: FloatArray
    """Where it was at the entry."""
    last_stop: FloatArray
    """Where it was at the exit."""
    reason: IntArray
    """Index into `tape.EXIT_REASONS`."""
    profit: FloatArray
    """From entry to exit price; spread and slippage are inside these prices."""
    commission: FloatArray
    swap: FloatArray
    net: FloatArray
    """profit - commission + swap."""
    risk: FloatArray
    """Loss the size was chosen for: stop distance, slippage and commission."""
    r: FloatArray
    """net / risk."""
    mae: FloatArray
    """Farthest the closing price went against the trade, price units >= 0."""
    mfe: FloatArray
    """Farthest it went in favour; of the bar of a stop or a take no more than the exit counts."""
    mae_r: FloatArray
    """mae / distance of the first stop from the entry."""
    mfe_r: FloatArray
    spread_cost: FloatArray
    """Estimate: the spread of the bar in which a long was bought or a short bought back."""
    slippage_cost: FloatArray
    """Estimate: what slippage added at market orders and stops."""

    def __len__(self) -> int:
        return len(self.net)

    @property
    def bars(self) -> IntArray:
        """Bars held: 0 where the trade ended in the bar of its entry."""
        return self.exit_bar - self.entry_bar

    def records(self, digits: int) -> list[dict[str, object]]:
        """One mapping per trade, ready for JSON: prices with `digits` decimals, money with two."""
        places = {
            **dict.fromkeys(("entry", "exit", "stop", "last_stop", "mae", "mfe"), digits),
            **dict.fromkeys(("r", "mae_r", "mfe_r"), 4),
            "lots": 8,
        }
        columns: dict[str, list[object]] = {}
        for name in (f.name for f in fields(self)):
            column = getattr(self, name)
            is_float = column.dtype.kind == "f"
            columns[name] = (np.round(column, places.get(name, 2)) if is_float else column).tolist()
        columns["reason"] = [str(tape.EXIT_REASONS[code]) for code in self.reason]
        columns["bars"] = self.bars.tolist()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def trades_of(output: Output, tape_: Tape, contract: Contract, instrument: Instrument) -> Trades:
    """The simulator's trades with prices, excursions and estimated costs."""
    t = output.trades
    side, entry, exit_ = t["side"], t["entry"], t["exit"]
    tick = TickScale(instrument.tick_size)
    mae, mfe = side * (entry - t["worst"]), side * (t["best"] - entry)
    distance = np.maximum(np.abs(entry - t["stop"]), 1)
    net = np.round(t["profit"] - t["commission"] + t["swap"], 2)
    spread_cost, slippage_cost = _price_costs(output, tape_, contract)
    return Trades(
        entry_bar=t["entry_bar"].copy(),
        exit_bar=t["exit_bar"].copy(),
        entry_time=tape_.time[t["entry_bar"]],
        exit_time=tape_.time[t["exit_bar"]],
        side=side.copy(),
        lots=t["steps"] * float(instrument.volume_step),
        entry=tick.prices(entry),
        exit=tick.prices(exit_),
        stop=tick.prices(t["stop"]),
        last_stop=tick.prices(t["last_stop"]),
        reason=t["reason"].copy(),
        profit=t["profit"].copy(),
        commission=t["commission"].copy(),
        swap=t["swap"].copy(),
        net=net,
        risk=t["risk"].copy(),
        r=net / t["risk"],
        mae=tick.prices(mae),
        mfe=tick.prices(mfe),
        mae_r=mae / distance,
        mfe_r=mfe / distance,
        spread_cost=spread_cost,
        slippage_cost=slippage_cost,
    )


def trades_join(parts: Sequence[Trades], offsets: Sequence[int]) -> Trades:
    """Some runs' trades one after the other, bars counted from `offsets` on."""
    nothing = {"IntArray": np.empty(0, np.int64), "FloatArray": np.empty(0)}
    columns = {
        f.name: np.concatenate([nothing[str(f.type)], *(getattr(part, f.name) for part in parts)])
        for f in fields(Trades)
    }
    shift = np.repeat(np.array(offsets, np.int64), [len(part) for part in parts])
    columns["entry_bar"] = columns["entry_bar"] + shift
    columns["exit_bar"] = columns["exit_bar"] + shift
    return Trades(**columns)


class TickScale:
    """Ticks -> prices without the noise of a float product where the tick is a decimal one."""

    def __init__(self, tick_size: Decimal) -> None:
        parts = tick_size.as_integer_ratio()
        self.numerator, self.denominator = float(parts[0]), float(parts[1])

    def prices(self, ticks: IntArray | FloatArray) -> FloatArray:
        return np.asarray(ticks * self.numerator / self.denominator, np.float64)

    def nearest(self, prices: FloatArray) -> FloatArray:
        """Prices moved to the nearest tick."""
        return self.prices(np.floor(prices * self.denominator / self.numerator + 0.5))


def _price_costs(output: Output, tape_: Tape, contract: Contract) -> tuple[FloatArray, FloatArray]:
    """Spread and slippage of each trade, in account currency at the rate of its exit."""
    t = output.trades
    entered, left, is_long = t["entry_bar"], t["exit_bar"], t["side"] > 0
    ticks = tape_.rows["spread"][np.where(is_long, entered, left)]
    wanted = tape_.entry[entered - 1] if len(tape_.entry) > 1 else tape_.entry[:1]
    level = np.floor(wanted / contract.tick_size + 0.5)
    is_slipped = np.isnan(level) | (level != t["entry"])  # a limit fills at its level
    slips = is_slipped.astype(np.int64) + (t["reason"] != tape.TAKE)
    rate = tape_.rate[left] if len(tape_.rate) > 1 else tape_.rate[:1]
    if contract.inverse:
        rate = 1.0 / (t["exit"] * contract.tick_size)
    value = t["steps"] * contract.step_tick_value * rate
    return ticks * value, slips * contract.slippage * value
