"""Bars in which nothing can happen, passed over quickly: the simulator's fast lane.

Each function starts at row `t`, marks the equity of every quiet bar and returns the first row that
is not: the simulator goes through that one rule by rule. `due` is the time of the next rollover.
"""

from __future__ import annotations

from trading.engine import fills
from trading.engine.fills import Contract
from trading.engine.kernels import inlined, kernel
from trading.engine.tape import State
from trading.engine.ticks import RecordArray
from trading.engine.types import FloatArray, IntArray, SideArray

Columns = tuple[IntArray, RecordArray, FloatArray, SideArray]
"""Time, rows, rate and side of a tape: loose, since members of a tuple are dear to reach."""


@inlined
def wait(
    t: int, due: int, balance: float, time: IntArray, side: SideArray, equity: FloatArray
) -> int:
    """Without a position: nothing happens until a signal asks for an entry."""
    wanted = side[t - 1] if t > 0 else 0
    before = side[t - 2] if t > 1 else 0
    while t < len(time) and time[t] < due and (wanted == 0 or wanted == before):
        equity[t] = balance
        before, wanted = wanted, side[t]
        t += 1
    return t


@inlined
def ride(
    s: State, t: int, due: int, contract: Contract, columns: Columns, equity: FloatArray
) -> int:
    """With a position: nothing happens while the signal holds and no price reaches a level.

    The levels are stop, take and stop-out; a stop that trails goes along. The last bar is never
    quiet.
    """
    time, rows, rates, side = columns
    held, entry, steps, take = s.side, s.entry, s.steps, s.take
    stop, goal, trail = s.stop, s.goal, held * s.trail
    cash, least = s.balance + s.swap, fills.STOP_OUT_LEVEL * s.margin
    worst, best = s.worst, s.best
    is_long = held > 0
    while t < len(time) - 1 and time[t] < due and side[t - 1] == held:
        row, rate = rows[t], rates[t] if len(rates) > 1 else rates[0]
        spread = 0 if is_long else row.spread
        low, high = row.low + spread, row.high + spread
        adverse, favourable = (low, high) if is_long else (high, low)
        level = stop
        if (goal - stop) * held > 0:
            if (row.open + spread - goal) * held < contract.least_distance:
                break
            level = goal
        if fills.reaches(-held, adverse, level) or fills.reaches(held, favourable, take):
            break
        if cash + fills.floating(contract, held, entry, adverse, steps, rate) < least:
            break
        worst = min(worst, low) if is_long else max(worst, high)
        best = max(best, high) if is_long else min(best, low)
        price = row.close + spread
        stop, goal = level, price - trail
        equity[t] = cash + fills.floating(contract, held, entry, price, steps, rate)
        t += 1
    s.worst, s.best, s.stop, s.goal = worst, best, stop, goal
    return t


@kernel
def count_entries(side: SideArray) -> int:
    """How many rows ask for an entry: no run can have more trades."""
    count = int(len(side) > 0 and side[0] != 0)
    for i in range(1, len(side)):
        count += int((side[i] != 0) & (side[i] != side[i - 1]))
    return count
