"""What a method must know beyond account and market, as plain values gathered by the caller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from trading.engine.sizing.scales import CURVE_TRADES


@dataclass(frozen=True, slots=True)
class Record:
    """The strategy's closed trades, in R: net profit over the money that was at risk."""

    trades: int = 0
    wins: int = 0
    won: Decimal = Decimal(0)
    """Sum of the R of those that won."""
    lost: Decimal = Decimal(0)
    """Sum of the R of the others, as a positive number."""


@dataclass(frozen=True, slots=True)
class Facts:
    """None = not known: a rule that needs it then allows no entry."""

    day_start_balance: Decimal | None = None
    peak_balance: Decimal | None = None
    """The highest balance there was, deposits and withdrawals left aside."""
    atr: Decimal | None = None
    """Mean true range of the rule's window, price units."""
    annual_volatility: Decimal | None = None
    """Of the symbol, as a share: 0.1 is 10 percent."""
    record: Record | None = None
    curve: tuple[Decimal, ...] | None = None
    """The strategy's net profit so far after each of its newest trades, the newest last."""
    broker_tick_value: Decimal | None = None
    """What the broker says a lot loses per tick, account currency; None = it does not say."""
    limit_scale: Decimal = Decimal(1)
    """What a warning of the limits leaves of sizes."""

    def numbers(self) -> Iterable[tuple[str, Decimal]]:
        """Those that are known, by name."""
        names = ("day_start_balance", "peak_balance", "atr", "annual_volatility")
        for name in (*names, "broker_tick_value"):
            value = getattr(self, name)
            if value is not None:
                yield name, value
        yield "limit_scale", self.limit_scale
        yield from (("curve", value) for value in self.curve or ())
        if self.record is not None:
            yield from (("won R", self.record.won), ("lost R", self.record.lost))


def record_of(results: Iterable[tuple[Decimal, Decimal]]) -> Record:
    """The record of closed trades, each its net profit and the money that was at risk; a trade
    whose risk is not known says nothing."""
    r = [net / risk for net, risk in results if risk > 0]
    return Record(
        trades=len(r),
        wins=sum(x > 0 for x in r),
        won=sum((x for x in r if x > 0), Decimal(0)),
        lost=-sum((x for x in r if x <= 0), Decimal(0)),
    )


def curve_of(nets: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """The curve of the newest closed trades, from their net profits, the newest last."""
    return tuple(accumulate(nets[-CURVE_TRADES:]))
