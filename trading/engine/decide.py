"""The only place where a decision is made: for the backtest's twin, for paper and for live."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from trading.engine import fills, money, risk
from trading.engine.risk import Limits
from trading.engine.sizing import Caps, Facts, SizingRequest, SizingRule, size_position
from trading.engine.strategies.base import Strategy
from trading.engine.types import (
    LONG,
    SHORT,
    AccountState,
    Bars,
    Denied,
    EngineError,
    Hold,
    Instrument,
    Market,
    OrderIntent,
    OrderKind,
    PositionState,
    Signals,
    Trail,
)

NO_TRAILS: Final[Mapping[str, Decimal]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment wants: a strategy on one symbol, how large its trades are, its limits.

    `caps` is what else a size may not pass; those that `limits` has too come from there.
    """

    strategy: Strategy
    symbol: str
    sizing: SizingRule
    limits: Limits = Limits()
    magic: int = 0
    caps: Caps = Caps()

    @property
    def window(self) -> int:
        """Bars a decision reads: the warm-up, the row before and the last row; or what the sizing
        rule measures, if that is more.

        The first row after the warm-up needs none before it.
        """
        return max(self.strategy.warmup + 2, self.sizing.bars)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now: first the positions to close, then the entry, its refusal or nothing, and the
    stops that go along with the market."""

    closes: tuple[PositionState, ...]
    entry: OrderIntent | Denied | Hold
    signal: Mapping[str, str] = field(default_factory=dict)
    trails: tuple[Trail, ...] = ()
    """Those that are overtaken are among the closes."""


@dataclass(frozen=True, slots=True)
class Row:
    """The newest signal; distances in price units."""

    side: int
    before: int
    stop: float
    take: float
    trail: float
    entry: float
    score: float

    @property
    def is_fresh(self) -> bool:
        """An entry happens only where the wanted side has just changed."""
        return self.side != 0 and self.side != self.before


@dataclass(frozen=True, slots=True)
class Scene:
    """What an entry meets: the market and the account of now, and the facts of the sizing rule."""

    market: Market
    account: AccountState
    facts: Facts = Facts()


def decide(
    plan: Plan,
    bars: Bars,
    market: Market,
    account: AccountState,
    trails: Mapping[str, Decimal] = NO_TRAILS,
    facts: Facts = Facts(),
) -> Decision:
    """Ask the strategy about the newest closed bar and turn its wish into orders or a refusal.

    `bars` must end with the bar that has just closed; `market` and `account` are of now. An entry
    passes every limit or comes back Denied with its numbers; positions of this plan on the wrong
    side are always closed, whatever becomes of the entry.

    `trails` says, by position id, how far behind the close a stop follows; a position that was
    asked for at this very bar is not to be in it. `facts` are what the sizing rule needs to know,
    as of before this decision.
    """
    least = plan.strategy.warmup + 1
    if len(bars) < least:
        return Decision((), Hold(f"Expected {least} bars to warm up, was {len(bars)}"))
    row = newest(plan.strategy.signals(bars.tail(plan.window)))
    own = _own(plan, account)
    kept = [p for p in own if p.side == row.side]
    moved = tuple(_trails(kept, bars, market, trails))
    overtaken = {trail.position.id for trail in moved if trail.is_overtaken}
    closes = tuple(p for p in own if p.side != row.side or p.id in overtaken)
    entry = _entry(plan, row, Scene(market, account, facts), closes)
    return Decision(closes, entry, _as_text(row), moved)


def preview(plan: Plan, bars: Bars, scene: Scene) -> Mapping[int, OrderIntent | Denied]:
    """What an entry to either side would be at the distances of the newest bar, whatever the
    strategy wants: for people to see. None at all while it warms up."""
    if len(bars) < plan.strategy.warmup + 1:
        return {}
    row = newest(plan.strategy.signals(bars.tail(plan.window)))
    own = _own(plan, scene.account)
    return {
        side: propose(plan, replace(row, side=side), scene, [p for p in own if p.side != side])
        for side in (LONG, SHORT)
    }


def newest(signals: Signals) -> Row:
    """The last row with the side before it, flat where there is none."""
    return Row(
        side=int(signals.side[-1]),
        before=int(signals.side[-2]) if len(signals) > 1 else 0,
        stop=float(signals.stop[-1]),
        take=float(signals.take[-1]),
        trail=float(signals.trail[-1]),
        entry=float(signals.entry[-1]),
        score=float(signals.score[-1]),
    )


def _own(plan: Plan, account: AccountState) -> list[PositionState]:
    """The plan's positions."""
    return [p for p in account.positions if (p.symbol, p.magic) == (plan.symbol, plan.magic)]


def _trails(
    held: Sequence[PositionState], bars: Bars, market: Market, trails: Mapping[str, Decimal]
) -> Iterator[Trail]:
    """The stops that the last close lets be tighter, each at its distance from the side that closes
    the position. What the broker would find too near to the market stays until the next bar."""
    instrument, quote, tick = market.instrument, market.quote, market.instrument.tick_size
    least = max(1, instrument.stops_level) * tick
    for position in held:
        if position.id not in trails:
            continue
        side = position.side
        close = money.price_from_float(float(bars.close[-1]), tick)
        if side < 0:
            close += money.spread_from_float(float(bars.spread[-1]), tick)
        stop = close - side * trails[position.id]
        if stop <= 0 or (position.stop is not None and (stop - position.stop) * side <= 0):
            continue
        away = ((quote.bid if side > 0 else quote.ask) - stop) * side
        if away <= 0 or away >= least:
            yield Trail(position, stop, is_overtaken=away <= 0)


def _entry(
    plan: Plan, row: Row, scene: Scene, closes: Sequence[PositionState]
) -> OrderIntent | Denied | Hold:
    """What to do once `closes` are closed."""
    if row.side == 0:
        return Hold("No position wanted")
    if len(_own(plan, scene.account)) > len(closes):
        return Hold("Already in the wanted position")
    if not row.is_fresh:
        return Hold("The signal is not fresh: an entry needs a change of side")
    return propose(plan, row, scene, closes)


def propose(
    plan: Plan, row: Row, scene: Scene, closes: Sequence[PositionState] = ()
) -> OrderIntent | Denied:
    """The entry that a row asks for, once `closes` are closed, or the first refusal; input that is
    no number is one. Whether the signal is fresh is not asked."""
    market, account = scene.market, scene.account
    try:
        for position in closes:
            account = _after_close(account, position, market)
        after = replace(scene, account=account)
        return risk.denial(plan.limits, account, market) or _sized(plan, row, after)
    except (EngineError, ArithmeticError) as e:
        return Denied("BAD_INPUT", str(e) or repr(e))


def _sized(plan: Plan, row: Row, scene: Scene) -> OrderIntent | Denied:
    market, instrument = scene.market, scene.market.instrument
    touch = market.quote.ask if row.side > 0 else market.quote.bid
    price, kind = _price_and_kind(row, touch, instrument)
    levels = _levels(row, price, market)
    if isinstance(levels, Denied):
        return levels
    stop, take, trail = levels
    size = size_position(
        SizingRequest(
            instrument=instrument,
            account=scene.account,
            side=row.side,
            price=price,
            stop=stop,
            rule=plan.sizing,
            caps=_caps(plan, row.side, scene.account),
            costs=market.costs,
            conversion=market.conversion,
            facts=scene.facts,
        )
    )
    if size.denial is not None:
        return size.denial
    return OrderIntent(
        symbol=plan.symbol,
        side=row.side,
        lots=size.lots,
        kind=kind,
        price=None if kind is OrderKind.MARKET else price,
        stop=stop,
        take=take,
        trail=trail,
        numbers=size.factors,
    )


def _caps(plan: Plan, side: int, account: AccountState) -> Caps:
    """The plan's caps with those of its limits and of what is open."""
    caps, limits = plan.caps, plan.limits
    held = [p.lots for p in account.positions if (p.symbol, p.side) == (plan.symbol, side)]
    rooms = [] if caps.loss_room is None else [caps.loss_room]
    if limits.daily_loss is not None and account.day_start_equity is not None:
        floor = account.day_start_equity * (1 - limits.daily_loss / 100)
        rooms.append(account.equity - floor)
    return replace(
        caps,
        max_lots=limits.max_lots,
        margin_use=limits.margin_use,
        volume_open=caps.volume_open + sum(held, Decimal(0)),
        loss_room=min(rooms, default=None),
    )


def _price_and_kind(row: Row, touch: Decimal, instrument: Instrument) -> tuple[Decimal, OrderKind]:
    """Where the entry is expected: the touch, or a level beyond it (stop) or before it (limit)."""
    if math.isnan(row.entry):
        return touch, OrderKind.MARKET
    price = money.price_from_float(row.entry, instrument.tick_size)
    if price == touch:
        return touch, OrderKind.MARKET
    return price, OrderKind.STOP if (price - touch) * row.side > 0 else OrderKind.LIMIT


def _levels(
    row: Row, price: Decimal, market: Market
) -> tuple[Decimal, Decimal | None, Decimal | None] | Denied:
    """Stop and take beyond the side of the quote that closes the position, and the trail; or the
    refusal.

    `price` is where the entry is expected; distances count from there, the broker's least
    distance from the closing side, which is the spread behind it.
    """
    instrument, side = market.instrument, row.side
    least = max(1, instrument.stops_level) * instrument.tick_size
    closing = price - side * market.quote.spread
    try:
        stop = price - side * money.distance_from_float(row.stop, instrument.tick_size)
        take = trail = None
        if not math.isnan(row.take):
            take = price + side * money.distance_from_float(row.take, instrument.tick_size)
        if not math.isnan(row.trail):
            trail = money.trail_from_float(row.trail, instrument.tick_size)
    except EngineError as e:
        return Denied("STOP_REQUIRED", f"Stop, take or trail: {e}")
    levels = [(stop, -side)] if take is None else [(stop, -side), (take, side)]
    if all(level > 0 and (level - closing) * way >= least for level, way in levels):
        return stop, take, trail
    return Denied(
        "STOP_REQUIRED",
        f"Expected stop and take at least {least} from {closing}, was {stop} and {take}",
    )


def _after_close(account: AccountState, position: PositionState, market: Market) -> AccountState:
    """The account once `position` is closed at the quote, booked in the way of the book."""
    instrument, quote, tick = market.instrument, market.quote, market.instrument.tick_size
    contract = fills.contract_of(instrument, market.costs, market.conversion, account.leverage)
    steps = money.lots_to_steps(position.lots, instrument.volume_step)
    side, rate = position.side, float(market.conversion.rate)
    entry = money.price_to_ticks(position.entry_price, tick)
    closing = money.price_to_ticks(quote.bid if side > 0 else quote.ask, tick)
    price = closing - side * contract.slippage
    profit = fills.floating(contract, side, entry, price, steps, rate)
    half = fills.half_commission(contract, steps)
    booked = money.money_from_float(fills.round_cents(profit) - half) + position.swap
    margin = fills.margin_of(contract, steps, entry, rate)
    return account.without(position, booked, money.money_from_float(margin))


def _as_text(row: Row) -> dict[str, str]:
    names = ("side", "before", "stop", "take", "trail", "entry", "score")
    values = {name: getattr(row, name) for name in names}
    return {name: f"{value:.8g}" for name, value in values.items() if not math.isnan(value)}
