"""Times and numbers as MetaApi writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")
AHEAD: Final = timedelta(hours=7)
"""The broker's clock strikes midnight at 17:00 New York: a week of it has five whole days."""
CENT: Final = Decimal("0.01")


def iso(at: datetime) -> str:
    """UTC with milliseconds and a Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def broker_clock(at: datetime) -> datetime:
    """What the broker's clock shows, without a zone."""
    return at.astimezone(NEW_YORK).replace(tzinfo=None) + AHEAD


def from_broker_clock(shown: datetime) -> datetime:
    """The moment at which the broker's clock shows this, UTC."""
    return (shown - AHEAD).replace(tzinfo=NEW_YORK).astimezone(UTC)


def broker_time(at: datetime) -> str:
    """The broker's clock as text, with milliseconds."""
    return broker_clock(at).isoformat(sep=" ", timespec="milliseconds")


def times(prefix: str, at: datetime) -> dict[str, str]:
    """Both clocks: `time` and `brokerTime`, or with a prefix `doneTime` and `doneBrokerTime`."""
    if not prefix:
        return {"time": iso(at), "brokerTime": broker_time(at)}
    return {f"{prefix}Time": iso(at), f"{prefix}BrokerTime": broker_time(at)}


def parsed_time(text: str) -> datetime:
    """An ISO time with its zone; ValueError when it is not that."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"Expected a time with its zone, was {text!r}")
    return at.astimezone(UTC)


def cents(amount: Decimal) -> Decimal:
    """Rounded to cents, half away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def number(amount: Decimal) -> float:
    """A Decimal as JSON carries it."""
    return float(amount)
