"""The compiled simulator: bars and signals in, trades and equity out.

The rules, bar by bar (docs/simulator.md has them as a table):

1. Rollovers (17:00 New York) since the last bar book swap and start a new day.
2. At the open a gap through stop, take or stop-out level closes at the open.
3. A stop that trails is tightened to what the close before lets it be.
4. The signal of the bar before closes, then opens: buys at the ask, sells at the bid, slipped.
5. Inside the bar the adverse side comes first: the nearer of stop and stop-out, then the take.
6. Equity is marked on the closing side at the close.

The scalars of `trading.engine.fills` decide every price and amount; `trading.engine.book` applies
the same ones tick by tick.
"""

from __future__ import annotations

import math

import numpy as np

from trading.engine import fills
from trading.engine.exits import aim, judge_bar, judge_end, judge_inside, judge_open, see
from trading.engine.fills import Contract
from trading.engine.kernels import inlined, kernel
from trading.engine.quiet import count_entries, ride, wait
from trading.engine.sizing import scales, twin
from trading.engine.sizing.twin import Ask, Evidence, Purse, Recipe, Size, size_of
from trading.engine.tape import (
    DAILY_LOSS,
    DENIAL_CODES,
    FAR,
    NONE,
    SIGNAL,
    SIZING,
    SPREAD_TOO_WIDE,
    STATE,
    STOP_REQUIRED,
    TRADE,
    Bar,
    Calendar,
    Entry,
    Output,
    Rules,
    State,
    Tape,
    Trade,
    Verdict,
    Wish,
)
from trading.engine.ticks import RecordArray, TickRow
from trading.engine.types import FloatArray


def simulate(tape: Tape, contract: Contract, rules: Rules, calendar: Calendar) -> Output:
    """Run the tape once; see the module for the rules and `Output` for what comes back.

    Other Python threads run meanwhile.
    """
    state = np.zeros(1, STATE)
    for name in ("balance", "day_start", "day_balance", "peak"):
        state[name] = rules.balance
    trades = np.empty(count_entries(tape.side) + 1, TRADE)
    # the last place, index NONE, counts the entries that nothing forbade
    denials = np.zeros(len(DENIAL_CODES) + 1, np.int64)
    out = Output(trades, np.empty(len(tape.time)), denials)
    _run(state, tape, contract, rules, calendar, out)
    return Output(trades[: int(state["trades"][0])], out.equity, denials[:NONE])


@kernel
def _run(
    state: RecordArray,
    tape: Tape,
    contract: Contract,
    rules: Rules,
    calendar: Calendar,
    out: Output,
) -> None:
    """The loop: `wait` and `ride` pass over the bars in which the rules let nothing happen.

    Records and scalars are handed on, arrays only loose: as members of a tuple they are too dear.
    """
    s, time, rows, side, rates = state[0], tape.time, tape.rows, tape.side, tape.rate
    trades, equity, denials = out
    nights, night, last, t = calendar.time, 0, len(time) - 1, 0
    while t <= last:
        due = nights[night] if night < len(nights) else FAR
        if s.side == 0:
            t = wait(t, due, s.balance, time, side, equity)
        else:
            t = ride(s, t, due, contract, (time, rows, rates, side), equity)
        if t > last:
            break
        bar = _bar_of(t, time[t], rows[t], _at(rates, t))
        wanted = int(side[t - 1]) if t > 0 else 0
        is_fresh = wanted != 0 and (t == 1 or wanted != side[t - 2])
        if due <= bar.time:
            night = _roll_over(s, bar, contract, calendar, night)
        s.nights = _nights_until(calendar, night, bar.time + calendar.seconds)
        if s.side != 0:
            _leave(s, bar, judge_open(s, bar, contract, wanted), contract, trades[s.trades])
        if s.side == 0 and is_fresh:
            wish = _wish_at(tape, t - 1)
            denials[_follow_signal(s, bar, wish, contract, rules, trades)] += 1
        elif s.side != 0:
            _leave_inside(s, bar, judge_bar(s, bar, contract), contract, trades[s.trades])
        if t == last and s.side != 0:
            _leave_inside(s, bar, judge_end(s, bar, contract), contract, trades[s.trades])
        equity[t] = _equity(s, bar, bar.close, contract)
        aim(s, bar)
        t += 1


@inlined
def _bar_of(t: int, time: int, row: TickRow, rate: float) -> Bar:
    """A row with what belongs to it, as 64-bit integers."""
    open_, high, low, close = int(row.open), int(row.high), int(row.low), int(row.close)
    return Bar(t, time, open_, high, low, close, int(row.spread), rate)


@inlined
def _at(column: FloatArray, row: int) -> float:
    """The value of a row in a column that may have one value for all."""
    value: float = column[row] if len(column) > 1 else column[0]
    return value


@inlined
def _wish_at(tape: Tape, row: int) -> Wish:
    """What the signal of a row asks for."""
    return Wish(
        int(tape.side[row]),
        _at(tape.stop, row) * tape.stop_scale,
        _at(tape.take, row) * tape.take_scale,
        _at(tape.trail, row) * tape.trail_scale,
        _at(tape.entry, row),
        _at(tape.measure, row),
    )


@kernel
def _equity(s: State, bar: Bar, bid: int, contract: Contract) -> float:
    """Balance plus what the open position would bring at `bid`."""
    if s.side == 0:
        return s.balance
    price = fills.closing_price(s.side, bid, bar.spread)
    floating = fills.floating(contract, s.side, s.entry, price, s.steps, bar.rate)
    return s.balance + s.swap + floating


@kernel
def _roll_over(s: State, bar: Bar, contract: Contract, calendar: Calendar, night: int) -> int:
    """Swap of the open position and the reference of the new day, at the first open after.

    Returns the next rollover.
    """
    price = fills.closing_price(s.side, bar.open, bar.spread)
    while night < len(calendar.time) and calendar.time[night] <= bar.time:
        if s.side != 0:
            nights = calendar.nights[night]
            s.swap += fills.swap_of(contract, s.side, s.steps, nights, price, bar.rate)
        night += 1
    s.day_balance = s.balance
    s.day_start = fills.round_cents(max(s.balance, _equity(s, bar, bar.open, contract)))
    return night


@inlined
def _nights_until(calendar: Calendar, night: int, end: int) -> int:
    """What the next rollover books if it comes before `end`."""
    is_near = night < len(calendar.time) and calendar.time[night] < end
    return calendar.nights[night] if is_near else 0


@kernel
def _exit(s: State, bar: Bar, verdict: Verdict, contract: Contract, row: Trade) -> None:
    """Close the position, book the money and write the trade."""
    price, reason = verdict.price, verdict.reason
    see(s, price)
    profit = fills.round_cents(fills.floating(contract, s.side, s.entry, price, s.steps, bar.rate))
    half = fills.half_commission(contract, s.steps)
    row.entry_bar, row.exit_bar, row.side, row.steps = s.bar, bar.row, s.side, s.steps
    row.entry, row.exit, row.reason = s.entry, price, reason
    row.stop, row.last_stop = s.first_stop, s.stop
    row.profit, row.commission, row.swap, row.risk = profit, 2.0 * half, s.swap, s.risk
    row.worst, row.best = float(s.worst), float(s.best)
    s.balance = fills.round_cents(s.balance + profit + s.swap - half)
    s.peak = max(s.peak, s.balance)
    s.trades += 1
    s.side = 0
    s.swap = 0.0


@kernel
def _leave(s: State, bar: Bar, verdict: Verdict, contract: Contract, row: Trade) -> None:
    """Close where the verdict says so."""
    if verdict.reason >= 0:
        _exit(s, bar, verdict, contract, row)


@kernel
def _leave_inside(s: State, bar: Bar, verdict: Verdict, contract: Contract, row: Trade) -> None:
    """As `_leave`, after the open: a rollover inside the bar came first if it costs."""
    if verdict.reason >= 0 and s.nights > 0:
        swap = fills.swap_of(contract, s.side, s.steps, s.nights, verdict.price, bar.rate)
        s.swap += min(0.0, swap)
    _leave(s, bar, verdict, contract, row)


@kernel
def _follow_signal(
    s: State, bar: Bar, wish: Wish, contract: Contract, rules: Rules, trades: RecordArray
) -> int:
    """What the close of the bar before asked for, done at this open; the denial's code or NONE."""
    quote = bar.open + bar.spread if wish.side > 0 else bar.open
    price = quote
    if not np.isnan(wish.entry):
        price = int(wish.entry / contract.tick_size + 0.5) if 0.0 < wish.entry < np.inf else 0
    entry = _entry_of(wish, contract, price)
    denial = _denial(s, bar, entry, contract, rules)
    if denial != NONE:
        return denial
    seen = _evidence(s, bar, wish.measure, rules.recipe, trades)
    ask = Ask(entry.side, entry.price, entry.stop_distance, bar.rate)
    size = size_of(rules.recipe, contract, ask, _purse(s, rules), seen)
    if size.steps < 0:
        return SIZING - 1 - size.steps
    row = trades[s.trades]
    if price == quote:
        _enter(s, bar, entry, size, contract)
        _leave_inside(s, bar, judge_bar(s, bar, contract), contract, row)
    else:
        _pending(s, bar, (entry, size, quote), contract, row)
    return NONE


@kernel
def _entry_of(wish: Wish, contract: Contract, price: int) -> Entry:
    """Distances of the wish in whole ticks; take and trail may be none, a bad one is not."""
    size = contract.tick_size
    stop = _ticks_of(wish.stop, size)
    take = FAR if np.isnan(wish.take) else _ticks_of(wish.take, size)
    trail = FAR if np.isnan(wish.trail) else _ticks_above(wish.trail, size)
    return Entry(wish.side, price, price + wish.side * contract.slippage, stop, take, trail)


@kernel
def _ticks_of(distance: float, tick_size: float) -> int:
    """At least one tick, rounded to the nearest; 0 for what is no distance above 0."""
    if not 0.0 < distance < np.inf:
        return 0
    return max(1, int(distance / tick_size + 0.5))


@kernel
def _ticks_above(distance: float, tick_size: float) -> int:
    """At least one tick, rounded up; 0 for what is no distance above 0."""
    if not 0.0 < distance < np.inf:
        return 0
    return max(1, math.ceil(distance / tick_size * (1.0 - 1e-12)))


@kernel
def _denial(s: State, bar: Bar, entry: Entry, contract: Contract, rules: Rules) -> int:
    """The first limit that forbids the entry, or NONE."""
    if bar.spread > rules.max_spread:
        return SPREAD_TOO_WIDE
    if fills.is_below(s.balance, s.day_start, rules.daily_loss):
        return DAILY_LOSS
    if not _are_levels_allowed(bar, entry, contract):
        return STOP_REQUIRED
    return NONE


@kernel
def _purse(s: State, rules: Rules) -> Purse:
    """The account without a position."""
    room = np.inf
    if rules.daily_loss != np.inf:
        room = s.balance - s.day_start * (1.0 - rules.daily_loss)
    return Purse(s.balance, s.balance, 0.0, 0.0, s.day_balance, s.peak, room, np.inf)


@kernel
def _evidence(s: State, bar: Bar, measure: float, recipe: Recipe, trades: RecordArray) -> Evidence:
    """What was measured, and the trades so far: one that the signal at hand has just closed is
    counted at the next."""
    known = s.trades
    if known > 0:
        row = trades[known - 1]
        known -= int(row.exit_bar == bar.row and row.reason == SIGNAL)
    if recipe.method == twin.KELLY:
        while s.counted < known:
            _count(s, trades[s.counted])
            s.counted += 1
    is_below = recipe.curve_factor < 1.0 and _is_below_mean(trades, known)
    return Evidence(measure, known, s.wins, s.won, s.lost, is_below)


@kernel
def _count(s: State, row: Trade) -> None:
    """Take a trade into the record, in R."""
    r = _net_cents(row) / 100.0 / fills.round_cents(row.risk)
    if r > 0.0:
        s.wins += 1
        s.won += r
    else:
        s.lost -= r


@kernel
def _is_below_mean(trades: RecordArray, known: int) -> bool:
    """Whether equity after the last trade is below its mean after the last 20: `scales`, in cents
    counted back from the last."""
    if known < scales.CURVE_TRADES:
        return False
    equity, total = 0, 0
    for k in range(known - 1, known - scales.CURVE_TRADES, -1):
        equity -= _net_cents(trades[k])
        total += equity
    return total > 0


@kernel
def _net_cents(row: Trade) -> int:
    return math.floor((row.profit - row.commission + row.swap) * 100.0 + 0.5)


@kernel
def _are_levels_allowed(bar: Bar, entry: Entry, contract: Contract) -> bool:
    """Stop and take are prices above 0, far enough beyond the side that closes the position."""
    down = entry.stop_distance if entry.side > 0 else entry.take_distance
    if entry.price <= 0 or min(entry.stop_distance, entry.take_distance, entry.trail) <= 0:
        return False
    if down != FAR and entry.price <= down:
        return False
    near = min(entry.stop_distance - bar.spread, entry.take_distance + bar.spread)
    return near >= contract.least_distance


@kernel
def _enter(s: State, bar: Bar, entry: Entry, size: Size, contract: Contract) -> None:
    """The position after its fill; its levels hang on the price before slippage."""
    steps = size.steps
    s.balance = fills.round_cents(s.balance - fills.half_commission(contract, steps))
    s.side, s.steps, s.entry, s.bar = entry.side, steps, entry.fill, bar.row
    s.stop = s.first_stop = entry.price - entry.side * entry.stop_distance
    s.take = entry.price + entry.side * entry.take_distance
    s.trail = entry.trail
    s.margin = fills.margin_of(contract, steps, entry.fill, bar.rate)
    s.risk = size.loss * steps
    s.worst = s.best = entry.fill


@kernel
def _pending(
    s: State,
    bar: Bar,
    order: tuple[Entry, Size, int],
    contract: Contract,
    row: Trade,
) -> None:
    """A stop or limit order that lives for this bar; a limit fills without slippage.

    The path inside the bar is unknown. The stop is taken to follow the entry wherever the bar's
    range reaches it. The take follows a stop entry on any path that reaches it; a limit entry is
    only sure to see the close.
    """
    entry, size, quote = order
    price = entry.price
    is_stop = fills.reaches(entry.side, price, quote)
    shift = bar.spread if entry.side > 0 else 0
    up, down = bar.high + shift, bar.low + shift
    if is_stop:
        hit = up >= price if entry.side > 0 else down <= price
    else:
        hit = down <= price if entry.side > 0 else up >= price
    if not hit:
        return
    fill = entry.fill if is_stop else price
    filled = Entry(entry.side, price, fill, entry.stop_distance, entry.take_distance, entry.trail)
    _enter(s, bar, filled, size, contract)
    start = price - entry.side * bar.spread
    best = bar.close
    if is_stop:
        best = bar.high if entry.side > 0 else bar.low
    _leave_inside(s, bar, judge_inside(s, bar, contract, start, best), contract, row)
