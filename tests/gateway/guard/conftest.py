"""The account, its session, and a guard that looks at rows whenever it reads."""

import pytest
from django.conf import LazySettings

from tests.desk import Desk, make_desk
from tests.gateway.guard.market import started
from trading.engine.timing import Timing
from trading.gateway import guard as gateway_guard
from trading.gateway import keeper, moves
from trading.gateway.session import Session
from trading.models import Lease


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    """Rows are read and written at every look, reconciliation is at every look as well."""
    monkeypatch.setattr(gateway_guard, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(keeper, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(keeper, "STILL_SECONDS", 0.0)
    monkeypatch.setattr(moves, "PATIENCE", 0.0)
    moment = 1e-9
    settings.TIMING = Timing(reconcile=moment, reconcile_doubt=moment, reread=moment)


@pytest.fixture
def desk() -> Desk:
    made = make_desk()
    Lease.objects.all().delete()
    return made


@pytest.fixture
def session(desk: Desk) -> Session:
    return started(desk)
