"""What the checks are told: frozen values. None always means: not known, and refuses.

Ages are seconds, 0 = now; prices and distances are in ticks where a name says so. Money is in the
account's currency; that of groups and of everything in the reporting currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from trading.engine.risk.correlation import Correlations
from trading.engine.risk.exposure import Exposure, Holding
from trading.engine.risk.kinds import Subject
from trading.engine.risk.limits import Clock
from trading.engine.risk.references import DrawdownState
from trading.engine.types import EngineError, Instrument

Ages = tuple[Decimal, ...]
Key = tuple[Subject, str]
"""A subject, and for a group its target; '' for the account, deployment and everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """One wished entry and the market it goes to."""

    holding: Holding | None
    """What it would be, pending, in account currency."""
    instrument: Instrument | None
    price: Decimal | None = None
    """Expected entry."""
    mid: Decimal | None = None
    margin: Decimal | None = None
    """That it needs."""
    stop_ticks: Decimal | None = None
    """Of the stop from the side of the quote that closes; None = it has none."""
    least_stop_ticks: Decimal | None = None
    """Least distance that the broker allows."""
    atr_ticks: Decimal | None = None
    spread_ticks: Decimal | None = None
    usual_spread_ticks: Decimal | None = None
    """Median of the last hour."""
    quote_age: Decimal | None = None
    usual_quote_gap: Decimal | None = None
    """Median of the seconds between two ticks."""
    signal_age: Decimal | None = None
    is_allowed: bool | None = None
    """Whether the broker lets this side of the symbol be entered."""
    is_open: bool | None = None
    """Whether the symbol is in a trade session."""
    news_in: Ages | None = None
    """Seconds until news (below 0: since) of high impact on the symbol; empty = none is near."""
    news: tuple[str, ...] = ()
    """What they are, for the words of a refusal."""
    weekend_in: Ages | None = None
    """Seconds until the last close before a weekend; empty = the market never closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """The account at its last reading."""

    reading_age: Decimal | None
    margin: Decimal | None = None
    reserved_margin: Decimal | None = None
    """Of pending orders that the broker does not count."""
    mismatches: int | None = None
    """Readings in a row that differed from our records."""
    uncounted_moves: int | None = None
    """Deposits and withdrawals that no reference counts yet."""
    oldest_reading: Decimal = Decimal(5)
    """An older one is stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFacts:
    """What was done lately; newest last, at least as far back as the windows of the limits."""

    in_doubt: int | None = None
    """Entries SENDING or UNKNOWN on this account, symbol and strategy."""
    decision_orders: int | None = None
    """Other orders of the same decision."""
    equal_orders: Ages | None = None
    """Orders of equal account, strategy, symbol, side and lots."""
    own_lots: tuple[Decimal, ...] | None = None
    """Lots of the last 50 own orders on the symbol."""
    executions: Ages | None = None
    """Entries executed, of equal strategy, symbol and side."""
    slips: tuple[tuple[Decimal, Decimal], ...] | None = None
    """Age, and ticks between the price expected and got, of the strategy's fills."""
    messages: Mapping[Subject, Ages] = field(default_factory=dict)
    """New, modify and cancel; of the deployment, the account and everything."""
    refused_messages: Ages = ()
    """Refusals because of too many messages."""
    losses_in_a_row: int | None = None
    last_loss_age: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SubjectFacts:
    """A subject as a whole: `rate` is what one unit of the account's currency is worth in its.

    Of a deployment `equity` is its own stream; its exposure is part of the account's.
    """

    equity: Decimal | None = None
    exposure: Exposure | None = None
    states: Mapping[Clock, DrawdownState] = field(default_factory=dict)
    rate: Decimal | None = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is known. Without an order it is a reading, for the guard."""

    at: datetime
    """Now, UTC, by the market's clock."""
    account: AccountFacts
    order: OrderFacts | None = None
    history: HistoryFacts = HistoryFacts()
    subjects: Mapping[Key, SubjectFacts] = field(default_factory=dict)
    correlations: Correlations | None = None
    problems: tuple[str, ...] | None = None
    """Of the platform, each a reason for safe mode; empty = it is well."""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise EngineError(f"Expected an aware time, was {self.at}")
