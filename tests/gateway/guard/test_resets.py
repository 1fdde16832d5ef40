"""Days begin by the clock of a zone; what their reset would break is told and mended before."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from tests.desk import Desk
from tests.gateway.guard.market import (
    D,
    bought,
    limited,
    moved,
    open_positions,
)
from trading.engine.guarding import Terms
from trading.gateway.session import Session
from trading.models import (
    Breach,
    DayMark,
    Event,
    KillSwitch,
    LossState,
    Position,
)
from trading.services.brokers import broker_for

pytestmark = pytest.mark.django_db
PRAGUE: dict[str, Any] = {"reset": time(0), "zone": "Europe/Prague"}
MIDNIGHT = datetime(2026, 1, 14, 23, tzinfo=UTC)
"""In Prague; the New York day begins an hour earlier."""


def test_the_day_is_marked_at_first_sight_and_at_every_reset(desk: Desk, session: Session) -> None:
    limited(desk, **PRAGUE)
    bought(desk, "1")
    moved(desk, session, 1000)
    moved(desk, session, 2000, at=MIDNIGHT - timedelta(seconds=1))
    moved(desk, session, 2600, at=MIDNIGHT + timedelta(seconds=1))
    marks = DayMark.objects.filter(zone="Europe/Prague").order_by("began")
    began = [MIDNIGHT - timedelta(days=1), MIDNIGHT]
    assert [mark.began for mark in marks] == began
    assert [mark.equity for mark in marks] == [D(99_000), D(98_000)]
    state = LossState.objects.get(zone="Europe/Prague")
    assert (state.started, state.start_equity, state.equity) == (MIDNIGHT, D(98_000), D(97_400))
    assert DayMark.objects.filter(zone="America/New_York").count() == 2


def test_a_reset_that_would_break_the_limit_is_told_half_an_hour_before(
    desk: Desk, session: Session
) -> None:
    limited(desk, "5", reference="BALANCE", **PRAGUE)
    bought(desk, "0.9", "0.1")
    moved(desk, session, -2500)
    broker_for(account=desk.account).close("1")
    bought(desk, "0.9", client_id="c9")
    moved(desk, session, 2700, at=MIDNIGHT - timedelta(minutes=31))
    assert not Event.objects.filter(message__contains="The reset alone").exists()
    moved(desk, session, 2700, 2700, at=MIDNIGHT - timedelta(minutes=29))
    (event,) = Event.objects.filter(message__contains="The reset alone")
    assert event.payload["floor"] == "97250.00"
    assert open_positions() == 2


def test_what_a_reset_would_break_is_closed_before_it(
    desk: Desk, session: Session, settings: LazySettings
) -> None:
    settings.GUARD = Terms(reset_trim_minutes=10)
    limited(desk, "5", reference="BALANCE", **PRAGUE)
    bought(desk, "0.9", "0.1")
    moved(desk, session, -2500)
    broker_for(account=desk.account).close("1")
    bought(desk, "0.9", client_id="c9")
    moved(desk, session, 2700, 2700, at=MIDNIGHT - timedelta(minutes=9))
    assert list(
        Position.objects.filter(closed_at__isnull=True).values_list("broker_id", flat=True)
    ) == ["2"]
    moved(desk, session, 2700, 2700, at=MIDNIGHT + timedelta(seconds=1))
    assert Breach.objects.get().code == "RESET_TRIM"
    assert not KillSwitch.objects.filter(rearmed_at__isnull=True).exists()
