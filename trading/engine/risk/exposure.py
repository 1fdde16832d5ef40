"""What is at stake: positions, resting orders and orders on their way, summed up once.

Pending holdings (working or reserved) may be filled or not, so that each sum takes them at their
worst: another pending order never makes a sum smaller. Money is in one currency, the account's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple, TypeVar

from trading.engine.risk.correlation import Correlations
from trading.engine.types import Conversion, EngineError, Instrument

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Holding:
    """A position, or an order that may become one.

    `value` is lots x contract size x price in account currency; `risk` what is lost at the stop, 0
    and up, None without a stop; `is_open` False for what is pending.
    """

    symbol: str
    side: int
    lots: Decimal
    value: Decimal
    base: str
    quote: str
    risk: Decimal | None
    is_open: bool = True
    deployment: str = ""

    def __post_init__(self) -> None:
        numbers = (self.lots, self.value, ZERO if self.risk is None else self.risk)
        if not all(number.is_finite() and number >= 0 for number in numbers):
            raise EngineError(
                f"{self.symbol}: expected lots, value and risk of at least 0, was "
                f"{self.lots}, {self.value} and {self.risk}"
            )


@dataclass(frozen=True, slots=True)
class Stake:
    """Of what a `holding_of` is made: `price` is the entry, or the price now of a position."""

    side: int
    lots: Decimal
    price: Decimal
    stop: Decimal | None
    is_open: bool = True
    deployment: str = ""


def holding_of(instrument: Instrument, conversion: Conversion, stake: Stake) -> Holding:
    """A holding of an instrument; a rate that depends on the price is taken at its worst."""
    size, risk = stake.lots * instrument.contract_size, None
    if stake.stop is not None:
        rate = conversion.at(min(stake.price, stake.stop))
        risk = max(ZERO, (stake.price - stake.stop) * stake.side * size * rate)
    return Holding(
        symbol=instrument.symbol,
        side=stake.side,
        lots=stake.lots,
        value=size * stake.price * conversion.at(stake.price),
        base=instrument.base_currency,
        quote=instrument.profit_currency,
        risk=risk,
        is_open=stake.is_open,
        deployment=stake.deployment,
    )


def loss_to_stop_out(equity: Decimal, margin: Decimal, stop_out: Decimal) -> Decimal:
    """What an account can lose until its broker closes, at `stop_out` percent margin level."""
    return max(ZERO, equity - margin * stop_out / 100)


@dataclass(frozen=True, slots=True)
class Span:
    """A signed sum: what is open, and what pending orders may add on either side."""

    open: Decimal = ZERO
    up: Decimal = ZERO
    down: Decimal = ZERO

    @property
    def worst(self) -> Decimal:
        """The largest amount it may come to, either way."""
        return max(abs(self.open + self.up), abs(self.open + self.down))

    def __add__(self, other: Span) -> Span:
        return Span(self.open + other.open, self.up + other.up, self.down + other.down)

    def __neg__(self) -> Span:
        return Span(-self.open, -self.down, -self.up)

    def __mul__(self, rate: Decimal) -> Span:
        return Span(self.open * rate, self.up * rate, self.down * rate)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many, and how many lots, open and pending."""

    count: int = 0
    lots: Decimal = ZERO

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.count + other.count, self.lots + other.lots)


_FLAT, _EMPTY = Span(), Tally()
_T = TypeVar("_T", Span, Tally)


@dataclass(frozen=True, slots=True)
class Exposure:
    """The sums of some holdings.

    `values` are signed values by symbol, `legs` by currency: a position is long one currency of
    its pair and short the other by its value. `to_stop_out` is the loss that ends in a stop-out,
    None where that is not known.
    """

    total: Tally = _EMPTY
    by_symbol: Mapping[str, Tally] = field(default_factory=dict)
    by_deployment: Mapping[str, Tally] = field(default_factory=dict)
    values: Mapping[str, Span] = field(default_factory=dict)
    legs: Mapping[str, Span] = field(default_factory=dict)
    gross: Decimal = ZERO
    stopped: Decimal = ZERO
    """Losses at the stops."""
    unstopped: int = 0
    """Holdings without a stop."""
    to_stop_out: Decimal | None = None

    @property
    def risk(self) -> Decimal | None:
        """Loss when every stop is hit; without stops down to the stop-out, once. None = unknown."""
        if not self.unstopped:
            return self.stopped
        return None if self.to_stop_out is None else self.stopped + self.to_stop_out

    def plus(self, other: Exposure) -> Exposure:
        """Both together; of the loss to a stop-out, this one's."""
        return Exposure(
            total=self.total + other.total,
            by_symbol=_merged(self.by_symbol, other.by_symbol, _EMPTY),
            by_deployment=_merged(self.by_deployment, other.by_deployment, _EMPTY),
            values=_merged(self.values, other.values, _FLAT),
            legs=_merged(self.legs, other.legs, _FLAT),
            gross=self.gross + other.gross,
            stopped=self.stopped + other.stopped,
            unstopped=self.unstopped + other.unstopped,
            to_stop_out=self.to_stop_out,
        )

    def converted(self, rate: Decimal) -> Exposure:
        """The same in another currency, of which one unit of this is worth `rate`."""
        return Exposure(
            total=self.total,
            by_symbol=self.by_symbol,
            by_deployment=self.by_deployment,
            values={name: span * rate for name, span in self.values.items()},
            legs={name: span * rate for name, span in self.legs.items()},
            gross=self.gross * rate,
            stopped=self.stopped * rate,
            unstopped=self.unstopped,
            to_stop_out=None if self.to_stop_out is None else self.to_stop_out * rate,
        )


def exposure_of(holdings: Iterable[Holding], to_stop_out: Decimal | None = None) -> Exposure:
    """Sum up the holdings of one account."""
    sums = _Sums()
    for holding in holdings:
        sums.add(holding)
    return sums.result(to_stop_out)


def exposure_together(exposures: Iterable[Exposure]) -> Exposure:
    """Sum up accounts, all in one currency; each loses down to its own stop-out."""
    result, risks = Exposure(), []
    for exposure in exposures:
        result = result.plus(exposure)
        risks.append(exposure.risk)
    known = [risk for risk in risks if risk is not None]
    unknown = len(risks) - len(known)
    return replace(result, stopped=sum(known, ZERO), unstopped=unknown, to_stop_out=None)


def correlated(
    values: Mapping[str, Span], correlations: Correlations, *, hedge_credit: bool = True
) -> Decimal:
    """sqrt(w' R w) of signed values w, pending ones at their worst.

    What offsets counts only between open positions, and without `hedge_credit` not at all.
    EngineError names two symbols whose correlation is not known.
    """
    items = [
        _Item(name, amount, is_open and hedge_credit)
        for name, span in values.items()
        for amount, is_open in ((span.open, True), (span.up, False), (span.down, False))
        if amount
    ]
    crosses = ZERO
    for index, one in enumerate(items):
        row = correlations.table.get(one.name, {})
        for other in items[index + 1 :]:
            rho = row.get(other.name)
            if rho is None:
                rho = correlations.of(one.name, other.name)
            product = one.amount * other.amount * rho
            if product > 0 or (one.offsets and other.offsets):
                crosses += product
    variance = sum((item.amount * item.amount for item in items), ZERO) + 2 * crosses
    return max(ZERO, variance).sqrt()


class _Item(NamedTuple):
    name: str
    amount: Decimal
    offsets: bool
    """Whether it may make the whole smaller."""


class _Sums:
    """Running sums; currencies are worked out from the symbols at the end."""

    def __init__(self) -> None:
        self.symbols: dict[str, _Row] = {}
        self.deployments: dict[str, Tally] = {}
        self.stopped, self.unstopped = ZERO, 0

    def add(self, holding: Holding) -> None:
        row = self.symbols.get(holding.symbol)
        if row is None:
            row = self.symbols[holding.symbol] = _Row(holding.base, holding.quote)
        row.add(holding)
        tally = self.deployments.get(holding.deployment, _EMPTY)
        self.deployments[holding.deployment] = Tally(tally.count + 1, tally.lots + holding.lots)
        if holding.risk is None:
            self.unstopped += 1
        else:
            self.stopped += holding.risk

    def result(self, to_stop_out: Decimal | None) -> Exposure:
        legs: dict[str, Span] = {}
        for row in self.symbols.values():
            span = row.span
            legs[row.base] = legs.get(row.base, _FLAT) + span
            legs[row.quote] = legs.get(row.quote, _FLAT) + -span
        by_symbol = {name: Tally(row.count, row.lots) for name, row in self.symbols.items()}
        return Exposure(
            total=sum(by_symbol.values(), _EMPTY),
            by_symbol=by_symbol,
            by_deployment=self.deployments,
            values={name: row.span for name, row in self.symbols.items()},
            legs=legs,
            gross=sum((row.gross for row in self.symbols.values()), ZERO),
            stopped=self.stopped,
            unstopped=self.unstopped,
            to_stop_out=to_stop_out,
        )


@dataclass(slots=True)
class _Row:
    """The running sums of one symbol."""

    base: str
    quote: str
    count: int = 0
    lots: Decimal = ZERO
    gross: Decimal = ZERO
    open: Decimal = ZERO
    up: Decimal = ZERO
    down: Decimal = ZERO

    def add(self, holding: Holding) -> None:
        value = holding.value
        self.count += 1
        self.lots += holding.lots
        self.gross += value
        if holding.is_open:
            self.open += value if holding.side > 0 else -value
        elif holding.side > 0:
            self.up += value
        else:
            self.down -= value

    @property
    def span(self) -> Span:
        return Span(self.open, self.up, self.down)


def _merged(one: Mapping[str, _T], other: Mapping[str, _T], empty: _T) -> dict[str, _T]:
    result = dict(one)
    for name, value in other.items():
        result[name] = result.get(name, empty) + value
    return result
