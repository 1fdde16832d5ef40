"""The only place where a decision is made: for the backtest's twin, for paper and for live."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trading.engine import money, risk, sizing
from trading.engine.risk import Limits
from trading.engine.strategies.base import Strategy
from trading.engine.types import (
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
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment wants: a strategy on one symbol, with its risk and its limits."""

    strategy: Strategy
    symbol: str
    risk_percent: Decimal
    limits: Limits = Limits()
    magic: int = 0

    @property
    def window(self) -> int:
        """Bars a decision reads: the warm-up, the row before, and the last row."""
        return self.strategy.warmup + 2


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now: first the positions to close, then the entry, its refusal or nothing."""

    closes: tuple[PositionState, ...]
    entry: OrderIntent | Denied | Hold
    signal: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """The newest signal; distances in price units."""

    side: int
    before: int
    stop: float
    take: float
    entry: float
    score: float

    @property
    def is_fresh(self) -> bool:
        """An entry happens only where the wanted side has just changed."""
        return self.side != 0 and self.side != self.before


def decide(plan: Plan, bars: Bars, market: Market, account: AccountState) -> Decision:
    """Ask the strategy about the newest closed bar and turn its wish into orders or a refusal.

    `bars` must end with the bar that has just closed; `market` and `account` are of now. An entry
    passes every limit or comes back Denied with its numbers; positions of this plan on the wrong
    side are always closed.
    """
    if len(bars) < plan.window:
        return Decision((), Hold(f"Expected {plan.window} bars to warm up, was {len(bars)}"))
    row = newest(plan.strategy.signals(bars.tail(plan.window)))
    own = [p for p in account.positions if p.symbol == plan.symbol and p.magic == plan.magic]
    closes = tuple(p for p in own if p.side != row.side)
    for position in closes:
        account = account.without(position, _booked(position, market))
    return Decision(closes, _entry(plan, row, market, account), _as_text(row))


def newest(signals: Signals) -> Row:
    """The last row with the side before it."""
    return Row(
        side=int(signals.side[-1]),
        before=int(signals.side[-2]),
        stop=float(signals.stop[-1]),
        take=float(signals.take[-1]),
        entry=float(signals.entry[-1]),
        score=float(signals.score[-1]),
    )


def _entry(
    plan: Plan, row: Row, market: Market, account: AccountState
) -> OrderIntent | Denied | Hold:
    if row.side == 0:
        return Hold("No position wanted")
    if any(p.symbol == plan.symbol and p.magic == plan.magic for p in account.positions):
        return Hold("Already in the wanted position")
    if not row.is_fresh:
        return Hold("The signal is not fresh: an entry needs a change of side")
    try:
        return risk.denial(plan.limits, account, market) or _sized(plan, row, market, account)
    except EngineError as e:
        return Denied("BAD_INPUT", str(e))


def _sized(plan: Plan, row: Row, market: Market, account: AccountState) -> OrderIntent | Denied:
    quote, instrument = market.quote, market.instrument
    touch = quote.ask if row.side > 0 else quote.bid
    price, kind = _price_and_kind(row, touch, instrument)
    stop = _level(row.stop, price, -row.side, instrument)
    take = _level(row.take, price, row.side, instrument)
    least = instrument.stops_level * instrument.tick_size
    if stop is None or abs(price - stop) < least or (take and abs(price - take) < least):
        return Denied(
            "STOP_REQUIRED",
            f"Expected a stop, and stop and take at least {least} away, was {stop} and {take}",
        )
    size = sizing.size_position(
        sizing.SizingRequest(
            instrument=instrument,
            account=account,
            side=row.side,
            price=price,
            stop=stop,
            risk_percent=plan.risk_percent,
            limits=plan.limits,
            costs=market.costs,
            conversion=market.conversion,
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
        numbers={**size.factors, "money_at_risk": f"{size.money_at_risk:.2f}"},
    )


def _price_and_kind(row: Row, touch: Decimal, instrument: Instrument) -> tuple[Decimal, OrderKind]:
    """Where the entry is expected: the touch, or a level beyond it (stop) or before it (limit)."""
    if math.isnan(row.entry):
        return touch, OrderKind.MARKET
    price = money.price_from_float(row.entry, instrument.tick_size)
    if price == touch:
        return touch, OrderKind.MARKET
    return price, OrderKind.STOP if (price - touch) * row.side > 0 else OrderKind.LIMIT


def _level(
    distance: float, price: Decimal, direction: int, instrument: Instrument
) -> Decimal | None:
    """A protective price `distance` away, rounded as the simulator does; None without one."""
    if math.isnan(distance):
        return None
    if not (math.isfinite(distance) and distance > 0):
        raise EngineError(f"Expected a distance above 0, was {distance}")
    ticks = money.distance_to_ticks(distance, float(instrument.tick_size))
    return price + direction * money.ticks_to_price(ticks, instrument.tick_size)


def _booked(position: PositionState, market: Market) -> Decimal:
    """What closing `position` now would book: profit after slippage, swap and half commission."""
    instrument, costs = market.instrument, market.costs
    steps = money.lots_to_steps(position.lots, instrument.volume_step)
    closing = market.quote.bid if position.side > 0 else market.quote.ask
    price = closing - position.side * costs.slippage_ticks * instrument.tick_size
    gain = (price - position.entry_price) * position.side * position.lots
    profit = money.cents(gain * instrument.contract_size * market.conversion.at(price))
    half = money.cents(costs.commission_per_lot * instrument.volume_step * steps / 2)
    return profit + position.swap - half


def _as_text(row: Row) -> dict[str, str]:
    names = ("side", "before", "stop", "take", "entry", "score")
    values = {name: getattr(row, name) for name in names}
    return {name: f"{value:.8g}" for name, value in values.items() if not math.isnan(value)}
