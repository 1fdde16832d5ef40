"""Where the simulator closes a position: at levels, at stop-out, at a signal, at the end; and
where a stop goes that trails.

Prices are those of the side that closes the position; a verdict's price includes slippage.
"""

from __future__ import annotations

from trading.engine import fills
from trading.engine.fills import Contract
from trading.engine.kernels import kernel
from trading.engine.tape import END, NONE, SIGNAL, STOP, STOP_OUT, TAKE, Bar, State, Verdict


@kernel
def see(s: State, price: int) -> None:
    """Widen what the position has seen."""
    if s.side > 0:
        s.worst, s.best = min(s.worst, price), max(s.best, price)
    else:
        s.worst, s.best = max(s.worst, price), min(s.best, price)


@kernel
def judge_open(s: State, bar: Bar, contract: Contract, wanted: int) -> Verdict:
    """Levels that the open is already beyond fill at the open; then the signal's own exit, and that
    of a position whose stop should follow to where the open is already."""
    price = fills.closing_price(s.side, bar.open, bar.spread)
    slipped = price - s.side * contract.slippage
    if fills.reaches(-s.side, price, s.stop):
        return Verdict(STOP, slipped)
    if fills.reaches(s.side, price, s.take):
        return Verdict(TAKE, price)
    if _is_stopped_out(s, price, bar, contract):
        return Verdict(STOP_OUT, slipped)
    if s.side != wanted or _is_overtaken(s, price, contract):
        return Verdict(SIGNAL, slipped)
    return Verdict(NONE, 0)


@kernel
def aim(s: State, bar: Bar) -> None:
    """Note where the close lets the stop be."""
    s.goal = fills.closing_price(s.side, bar.close, bar.spread) - s.side * s.trail


@kernel
def _is_overtaken(s: State, price: int, contract: Contract) -> bool:
    """Whether `price` is at the goal of a tighter stop already; else the stop goes there, unless
    that is too near for the broker."""
    if (s.goal - s.stop) * s.side <= 0:
        return False
    distance = (price - s.goal) * s.side
    if distance >= contract.least_distance:
        s.stop = s.goal
    return distance <= 0


@kernel
def judge_end(s: State, bar: Bar, contract: Contract) -> Verdict:
    """The tape is over: out at the last close."""
    price = fills.closing_price(s.side, bar.close, bar.spread)
    return Verdict(END, price - s.side * contract.slippage)


@kernel
def _is_stopped_out(s: State, price: int, bar: Bar, contract: Contract) -> bool:
    floating = fills.floating(contract, s.side, s.entry, price, s.steps, bar.rate)
    return s.balance + s.swap + floating < fills.STOP_OUT_LEVEL * s.margin


@kernel
def _stop_out_price(s: State, bar: Bar, start: int, last: int, contract: Contract) -> int:
    """The first closing price on the way from `start` to `last` that stops out (bisection)."""
    if _is_stopped_out(s, start, bar, contract):
        return start
    good, bad = start, last
    while abs(good - bad) > 1:
        middle = (good + bad) // 2
        if _is_stopped_out(s, middle, bar, contract):
            bad = middle
        else:
            good = middle
    return bad


@kernel
def judge_bar(s: State, bar: Bar, contract: Contract) -> Verdict:
    """Levels reached by a position that is open from the open on."""
    start = fills.closing_price(s.side, bar.open, bar.spread)
    return judge_inside(s, bar, contract, start, bar.high if s.side > 0 else bar.low)


@kernel
def judge_inside(s: State, bar: Bar, contract: Contract, start: int, best: int) -> Verdict:
    """Levels reached while the position is open, the adverse ones first.

    `start` is the closing price at which its time in the bar begins, `best` the bid it is sure to
    have seen at its best.
    """
    favourable = fills.closing_price(s.side, best, bar.spread)
    adverse = fills.closing_price(s.side, bar.low if s.side > 0 else bar.high, bar.spread)
    stopped = fills.reaches(-s.side, adverse, s.stop)
    last = s.stop if stopped else adverse
    if _is_stopped_out(s, last, bar, contract):
        price = _stop_out_price(s, bar, start, last, contract)
        reason = STOP if stopped and price == s.stop else STOP_OUT
        return Verdict(reason, price - s.side * contract.slippage)
    if stopped:
        return Verdict(STOP, s.stop - s.side * contract.slippage)
    see(s, adverse)
    if fills.reaches(s.side, favourable, s.take):
        return Verdict(TAKE, s.take)
    see(s, favourable)
    return Verdict(NONE, 0)
