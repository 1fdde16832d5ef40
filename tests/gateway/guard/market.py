"""A session whose paper account loses what a test wants it to lose."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.brokers.test_contract import BUY
from tests.desk import NOON, Desk
from tests.factories import make_risk_limit
from tests.gateway.test_session import StillStream
from trading.engine.types import Quote
from trading.gateway.session import Session
from trading.models import Event, PaperBook, Position
from trading.services.brokers import broker_for

D = Decimal


def started(desk: Desk) -> Session:
    made = Session(desk.symbol.source, StillStream())
    made.load()
    return made


def limited(desk: Desk, value: str = "5", **terms: Any) -> None:
    """A daily loss of so many percent of the initial balance of 100,000, at which all is closed."""
    given = {
        "control": "DAILY_LOSS",
        "value": D(value),
        "unit": "PERCENT_INITIAL",
        "action": "FLATTEN",
        "account": desk.account,
    }
    make_risk_limit(**{**given, **terms})


def bought(desk: Desk, *lots: str, **more: object) -> None:
    """Market orders at 1.10006, by a worker; without stops but where one is given."""
    broker = broker_for(account=desk.account)
    for number, size in enumerate(lots):
        given = {"client_id": f"c{number}", "lots": D(size), "stop": None, "take": None}
        broker.submit(replace(BUY, **{**given, "magic": 0, **more}))  # type: ignore[arg-type]


def quote(desk: Desk, lost: float, at: datetime) -> Quote:
    """The quote at which one lot has lost so much since it was bought at 1.10006."""
    return desk.quote(f"{1.10006 - lost / 100_000:.5f}", at)


def moved(desk: Desk, session: Session, *losses: float, at: datetime | None = None) -> None:
    """A quote a second, each followed by a reading."""
    start = at or NOON + timedelta(minutes=1)
    for second, lost in enumerate(losses):
        session.on_quotes([quote(desk, lost, start + timedelta(seconds=second))])
        session.observe()


def kinds(prefix: str = "limit.") -> list[str]:
    return list(
        Event.objects.filter(kind__startswith=prefix).order_by("id").values_list("kind", flat=True)
    )


def open_positions() -> int:
    return Position.objects.filter(closed_at__isnull=True).count()


def paid(amount: float) -> None:
    """The broker's balance moves without a deal."""
    book = PaperBook.objects.get()
    state = {**book.state, "balance": book.state["balance"] + amount}
    PaperBook.objects.filter(pk=book.pk).update(state=state, version=book.version + 1)
