"""A strategy's close waits until news are over, where a limit says so; what protects does not."""

from datetime import timedelta
from typing import Any

import pytest

from tests.desk import NOON, Desk, entry, make_desk
from tests.factories import make_news, make_risk_limit
from trading.models import NewsEvent, RiskLimit
from trading.services.gate import gate_pass

pytestmark = pytest.mark.django_db
CLOSE = {"purpose": "CLOSE", "position_id": "7"}


@pytest.fixture
def desk() -> Desk:
    made = make_desk()
    make_risk_limit(control="NEWS_CLOSES", value=2, window=120)
    make_news(at=NOON + timedelta(minutes=2), title="Payrolls")
    return made


def refusal(desk: Desk, **fields: Any) -> tuple[str, str]:
    return gate_pass(order=entry(desk, **{**CLOSE, **fields})) or ("", "")


def test_a_close_within_the_window_is_refused_with_the_news(desk: Desk) -> None:
    assert refusal(desk) == (
        "NEWS_WINDOW",
        "USD Payrolls in 120 s, limit 2 minutes before and 120 s after",
    )


@pytest.mark.parametrize(("minutes", "seconds"), [(-1, -1), (4, 1)])
def test_before_and_after_the_window_it_passes(desk: Desk, minutes: int, seconds: int) -> None:
    """News at 12:02: the window is from 12:00 to 12:04."""
    desk.quote("1.10000", NOON + timedelta(minutes=minutes, seconds=seconds))
    assert refusal(desk) == ("", "")


@pytest.mark.parametrize("origin", ["KILL", "PERSON", "PROTECTION"])
def test_what_protects_and_persons_always_close(desk: Desk, origin: str) -> None:
    assert refusal(desk, origin=origin) == ("", "")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: RiskLimit.objects.update(control="NEWS_WINDOW"),
        lambda: RiskLimit.objects.update(enabled=False),
        lambda: NewsEvent.objects.update(currency="JPY"),
        lambda: NewsEvent.objects.update(impact="MEDIUM"),
        lambda: NewsEvent.objects.all().delete(),
    ],
)
def test_no_exit_is_held_back_by_other_news_or_by_what_is_not_known(desk: Desk, spoil: Any) -> None:
    spoil()
    assert refusal(desk) == ("", "")
