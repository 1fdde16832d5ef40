"""Gateways and workers die at every named point and at random: nothing is doubled, nothing lost.

KILLS in the environment says how many, of each database; from 250 on every point is asked for.
Through MetaApi there are fewer: each gateway that is killed has to be trusted again by the SDK.
"""

import os
from random import SystemRandom
from typing import Any

import pytest

from tests.crash.drills import DATABASES, held, url_of
from tradebot.drill.plan import METAAPI, Plan, plan_for

KILLS = int(os.environ.get("KILLS", "250"))
EVERY_POINT = 250
EXECUTIONS_PER_KILL = 1.2
METAAPI_KILLS = max(10, KILLS // 20)
pytestmark = pytest.mark.crash


def seed() -> int:
    """A new one each time; every failure shows it."""
    return SystemRandom().randrange(2**31)


def assert_thorough(result: dict[str, Any]) -> None:
    assert result["kills"] >= KILLS
    if KILLS >= EVERY_POINT:
        assert result["unreached"] == []
        assert result["broker_executions"] >= EXECUTIONS_PER_KILL * KILLS


def test_kills_leave_no_trace_on_sqlite() -> None:
    assert_thorough(held(Plan(kills=KILLS, seed=seed())))


def test_kills_leave_no_trace_on_postgresql() -> None:
    assert_thorough(held(Plan(kills=KILLS, seed=seed()), url_of("postgresql")))


@pytest.mark.parametrize("database", DATABASES)
def test_kills_leave_no_trace_through_metaapi(database: str) -> None:
    plan = plan_for(METAAPI, kills=METAAPI_KILLS, seed=seed(), pace=1.5)
    result = held(plan, url_of(database))
    assert result["kills"] >= METAAPI_KILLS
    assert result["drawn"]
