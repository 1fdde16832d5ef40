"""Two ways through the same market: the simulator over its bars, and the live way tick by tick.

`simulated` hands a strategy's signals over all bars to the compiled simulator. `lived` builds the
bars from the ticks, asks `decide` at every bar close with the account as the book reports it,
sends what it answers to the book at the first tick of the next bar and lets the book judge every
tick. Both come back as `Story`, in the same units, ready to be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar

import numpy as np

from tests.candles import Candle, Path, fixed_path
from trading.engine import fills, money, simulator, tape
from trading.engine.bars import Bar, BarBuilder, bars_of
from trading.engine.book import Book, Listing
from trading.engine.book_state import BookState, OpenPosition, Ticket
from trading.engine.decide import Plan, decide
from trading.engine.risk import Limits
from trading.engine.sizing import Facts, SizingRule, fractional
from trading.engine.sizing.facts import curve_of, record_of
from trading.engine.sizing.measures import measure_of, measures
from trading.engine.strategies.base import Params, Strategy
from trading.engine.ticks import ticks_of
from trading.engine.types import (
    TIMEFRAMES,
    Bars,
    Costs,
    Denied,
    ExitReason,
    Fill,
    Instrument,
    Market,
    OrderIntent,
    OrderKind,
    Quote,
    Signals,
    Trail,
)

ADVERSE = (ExitReason.STOP, ExitReason.STOP_OUT)


@dataclass(frozen=True, slots=True)
class Scene:
    """An account and a symbol; `rates` are quotes of the converting pair, one per bar, if any."""

    instrument: Instrument
    timeframe: str
    costs: Costs = Costs()
    limits: Limits = Limits()
    currency: str = "USD"
    leverage: int = 30
    balance: Decimal = Decimal(10000)
    sizing: SizingRule = fractional(1)
    rates: tuple[Quote, ...] = ()
    first_tick: float = 0.0
    """Seconds from a bar's open time to its first tick."""

    @property
    def seconds(self) -> int:
        return TIMEFRAMES[self.timeframe]

    def quotes(self, row: int) -> dict[str, Quote]:
        """The converting quote of a bar."""
        return {self.rates[row].symbol: self.rates[row]} if self.rates else {}

    def conversion(self, row: int) -> float:
        quotes = self.quotes(row)
        return float(money.conversion_for(self.instrument, self.currency, quotes).rate)


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade: open times of its bars, ticks, steps, money to the cent."""

    entered: int
    left: int
    side: int
    steps: int
    entry: int
    exit: int
    reason: ExitReason
    profit: Decimal
    commission: Decimal
    swap: Decimal

    @property
    def net(self) -> Decimal:
        return self.profit - self.commission + self.swap


@dataclass(frozen=True, slots=True)
class Holding:
    """A position that is open when the bars end."""

    entered: int
    side: int
    steps: int
    entry: int
    stop: int
    swap: Decimal
    commission: Decimal
    """What its entry has booked."""


@dataclass(slots=True)
class Story:
    """All that happened; `equity` is marked at each close."""

    trades: list[Trade] = field(default_factory=list)
    holding: Holding | None = None
    balance: Decimal = Decimal(0)
    denials: Counter[str] = field(default_factory=Counter)
    equity: list[Decimal] = field(default_factory=list)
    ambiguous: list[int] = field(default_factory=list)
    """Open times of the bars whose OHLC tells another story than their ticks (lived only)."""
    trails: list[Trail] = field(default_factory=list)
    """Every decision about a stop that follows (lived only)."""

    def worth(self, row: int, time: int) -> Decimal:
        """Equity at the close of a bar less the commission that leaving would still cost."""
        open_ = [t.commission / 2 for t in self.trades if t.entered <= time < t.left]
        if self.holding is not None and self.holding.entered <= time:
            open_.append(self.holding.commission)
        return self.equity[row] - sum(open_, Decimal(0))


class Scripted(Strategy):
    """Signals written down beforehand, one row per bar, found by the bar's time."""

    kind: ClassVar[str] = "scripted"
    label: ClassVar[str] = "Scripted"
    params_type: ClassVar[type[Params]] = Params

    def __init__(self, time: Sequence[int], rows: Signals) -> None:
        self.time, self.rows = np.asarray(time), rows

    @property
    def warmup(self) -> int:
        return 0

    def signals(self, bars: Bars) -> Signals:
        at = np.searchsorted(self.time, bars.time)
        columns = (getattr(self.rows, f.name)[at] for f in fields(Signals))
        return Signals(*columns)


def simulated(scene: Scene, strategy: Strategy, bars: Bars) -> Story:
    """The backtest's way."""
    instrument = scene.instrument
    conversion = money.conversion_for(instrument, scene.currency, scene.quotes(0))
    rate = np.array([scene.conversion(row) for row in range(len(bars))])
    ticks = ticks_of(bars, float(instrument.tick_size))
    measure = measures(scene.sizing, ticks.rows, scene.seconds)
    output = simulator.simulate(
        tape.tape_of(ticks, strategy.signals(bars), rate, measure),
        fills.contract_of(instrument, scene.costs, conversion, scene.leverage),
        tape.rules_of(instrument, scene.limits, scene.balance, scene.sizing),
        tape.calendar_of(bars.time, instrument.triple_swap_weekday),
    )
    return _told(output, bars)


def _told(output: tape.Output, bars: Bars) -> Story:
    cents = money.money_from_float
    story = Story(equity=[cents(value) for value in output.equity.tolist()])
    story.balance = story.equity[-1]
    story.denials = Counter(
        {code: int(n) for code, n in zip(tape.DENIAL_CODES, output.denials, strict=True) if n}
    )
    for row in output.trades:
        reason = tape.EXIT_REASONS[row["reason"]]
        trade = Trade(
            entered=int(bars.time[row["entry_bar"]]),
            left=int(bars.time[row["exit_bar"]]),
            side=int(row["side"]),
            steps=int(row["steps"]),
            entry=int(row["entry"]),
            exit=int(row["exit"]),
            reason=reason,
            profit=cents(row["profit"]),
            commission=cents(row["commission"]),
            swap=cents(row["swap"]),
        )
        if reason is ExitReason.END:
            levels = (trade.side, trade.steps, trade.entry, int(row["last_stop"]))
            story.holding = Holding(trade.entered, *levels, trade.swap, trade.commission / 2)
            story.balance -= trade.profit + trade.swap - trade.commission / 2
        else:
            story.trades.append(trade)
    return story


def lived(
    scene: Scene, strategy: Strategy, candles: Sequence[Candle], path: Path = fixed_path
) -> Story:
    """The live way."""
    life = _Life(scene, strategy)
    for row, candle in enumerate(candles):
        life.bar(row, candle, path)
    story = life.story
    story.balance = money.money_from_float(life.book.state.balance)
    for position in life.book.state.positions:
        story.holding = life.holding(position)
    return story


class _Life:
    """A deployment on a book, fed with ticks."""

    def __init__(self, scene: Scene, strategy: Strategy) -> None:
        self.scene = scene
        self.plan = Plan(strategy, scene.instrument.symbol, scene.sizing, scene.limits)
        listings = {scene.instrument.symbol: Listing(scene.instrument, scene.costs)}
        self.book = Book.opening(scene.balance, listings, scene.currency, scene.leverage)
        self.builder = BarBuilder(scene.timeframe)
        self.closed: list[Bar] = []
        self.story = Story()
        self.seen: list[Fill] = []
        self.entries: dict[str, tuple[int, Fill]] = {}
        self.time = 0
        self.kinds: dict[str, OrderKind] = {}
        self.wanted: dict[str, Decimal] = {}
        """Trails by the client ids of their entries."""
        self.trails: dict[str, Decimal] = {}
        """And by the ids of the positions that were made."""
        self.born: BookState | None = None
        self.risks: dict[str, Decimal] = {}
        """Money at risk by the client ids of entries."""
        self.results: list[tuple[Decimal, Decimal]] = []
        """Net profit and risk of each closed trade."""
        self.peak = self.day_balance = scene.balance

    def bar(self, row: int, candle: Candle, path: Path) -> None:
        """All ticks of one bar, and the decision about the bar before at its first."""
        self.time, self.born = candle.time, None
        self.book.quotes.update(self.scene.quotes(row))
        quote = self._quote(candle, candle.open, self.scene.first_tick)
        known, day, balance = len(self.seen), self.book.state.day_seen, self._balance
        self._note(self.book.on_quote(quote))
        if day and self.book.state.day_seen != day:
            self.day_balance = balance
        if (bar := self._build(quote)) is not None:
            self.closed.append(bar)
            self._decide(row, quote)
        self._remember()
        ticks = list(path(candle, self.book))
        pause = (self.scene.seconds - self.scene.first_tick) / (len(ticks) + 1)
        for k, bid in enumerate(ticks, 1):
            quote = self._quote(candle, bid, self.scene.first_tick + k * pause)
            self._build(quote)
            self._note(self.book.on_quote(quote))
            self._remember()
        self.story.equity.append(self.book.account().equity)
        if self._is_ambiguous(candle, self.seen[known:]):
            self.story.ambiguous.append(candle.time)

    def holding(self, position: OpenPosition) -> Holding:
        entered, into = self.entries[position.id]
        p, swap = position, money.money_from_float(position.swap)
        return Holding(entered, p.side, p.steps, p.entry, p.stop, swap, into.commission)

    def _quote(self, candle: Candle, bid: int, after: float) -> Quote:
        instrument = self.scene.instrument
        at = datetime.fromtimestamp(candle.time + after, UTC)
        tick = instrument.tick_size
        return Quote(instrument.symbol, at, bid * tick, (bid + candle.spread) * tick)

    def _build(self, quote: Quote) -> Bar | None:
        return self.builder.add(quote.time.timestamp(), float(quote.bid), float(quote.spread))

    def _decide(self, row: int, quote: Quote) -> None:
        scene = self.scene
        conversion = money.conversion_for(scene.instrument, scene.currency, scene.quotes(row))
        market = Market(scene.instrument, quote, conversion, scene.costs)
        bars = bars_of(self.closed[-self.plan.window :])
        account, facts = self.book.account(), self._facts(bars)
        decision = decide(self.plan, bars, market, account, self.trails, facts)
        for position in decision.closes:
            self._note(self.book.close(position.id))
        self.story.trails += decision.trails
        for trail in decision.trails:
            if not trail.is_overtaken:
                self.book.modify(trail.position.id, trail.stop, trail.position.take)
        if isinstance(decision.entry, Denied):
            self.story.denials[decision.entry.code] += 1
        elif isinstance(decision.entry, OrderIntent):
            self._send(decision.entry)

    @property
    def _balance(self) -> Decimal:
        return money.money_from_float(self.book.state.balance)

    def _facts(self, bars: Bars) -> Facts:
        """What the rule needs to know, as a platform would gather it."""
        tick, rule = self.scene.instrument.tick_size, self.plan.sizing
        measure = measure_of(rule, bars, tick, self.scene.seconds)
        return Facts(
            day_start_balance=self.day_balance,
            peak_balance=self.peak,
            atr=measure.atr,
            annual_volatility=measure.annual_volatility,
            record=record_of(self.results),
            curve=curve_of([net for net, _ in self.results]),
        )

    def _send(self, intent: OrderIntent) -> None:
        expires = datetime.fromtimestamp(self.time + self.scene.seconds, UTC)
        levels = (intent.kind, intent.price, intent.stop, intent.take)
        name, lots = f"bar-{self.time}", intent.lots
        self.kinds[name] = intent.kind
        self.risks[name] = Decimal(intent.numbers["money_at_risk"])
        if intent.trail is not None:
            self.wanted[name] = intent.trail
        ticket = Ticket(name, intent.symbol, intent.side, lots, *levels, expires_at=expires)
        self._note(self.book.submit(ticket)[1])

    def _note(self, filled: Sequence[Fill]) -> None:
        for fill in filled:
            self.seen.append(fill)
            if fill.opens:
                self.entries[fill.position_id] = (self.time, fill)
                if fill.client_id in self.wanted:
                    self.trails[fill.position_id] = self.wanted[fill.client_id]
            else:
                trade = self._trade(fill)
                self.story.trades.append(trade)
                self.results.append((trade.net, self.risks[fill.client_id]))
            self.peak = max(self.peak, self._balance)

    def _trade(self, out: Fill) -> Trade:
        entered, into = self.entries[out.position_id]
        instrument = self.scene.instrument
        assert out.reason is not None
        return Trade(
            entered=entered,
            left=self.time,
            side=out.side,
            steps=money.lots_to_steps(out.lots, instrument.volume_step),
            entry=money.price_to_ticks(into.price, instrument.tick_size),
            exit=money.price_to_ticks(out.price, instrument.tick_size),
            reason=out.reason,
            profit=out.profit,
            commission=into.commission + out.commission,
            swap=out.swap,
        )

    def _remember(self) -> None:
        """The state in which a position first exists in this bar, to ask what the bar implies."""
        if self.born is None and self.book.state.positions:
            self.born = BookState.from_json(self.book.state.to_json())

    def _is_ambiguous(self, candle: Candle, filled: Sequence[Fill]) -> bool:
        """Whether the bar's range lets the simulator assume what the ticks did not do."""
        if self.born is None:
            return False
        (position,) = self.born.positions
        mine = [f for f in filled if f.position_id == position.id]
        left = next((f.reason for f in mine if not f.opens), None)
        if self._asked(candle, candle.low if position.side > 0 else candle.high) in ADVERSE:
            return left not in ADVERSE
        is_limit = any(f.opens and self.kinds[f.client_id] is OrderKind.LIMIT for f in mine)
        late = self._asked(candle, candle.close) is not ExitReason.TAKE
        return left is ExitReason.TAKE and is_limit and late

    def _asked(self, candle: Candle, bid: int) -> ExitReason | None:
        """What the book would have done at `bid`, had it come first."""
        assert self.born is not None
        state = BookState.from_json(self.born.to_json())
        twin = Book(state, self.book.listings, self.scene.currency, self.scene.leverage)
        twin.quotes.update(self.book.quotes)
        last = self._quote(candle, bid, self.scene.seconds - 0.001)
        return next((f.reason for f in twin.on_quote(last)), None)
