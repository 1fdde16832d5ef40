"""Gateways and workers die at every named point and at random: nothing is doubled, nothing lost.

KILLS in the environment says how many, of each database; from 250 on every point is asked for.
"""

import os
from random import SystemRandom
from typing import Any

import pytest

from tests.crash.drills import held, obtained, server_url
from tradebot.drill.plan import METAAPI, Plan, plan_for

KILLS = int(os.environ.get("KILLS", "250"))
EVERY_POINT = 250
EXECUTIONS_PER_KILL = 1.2
METAAPI_KILLS = 25
pytestmark = pytest.mark.crash


def seed() -> int:
    """A new one each time; every failure shows it."""
    return SystemRandom().randrange(2**31)


def assert_thorough(result: dict[str, Any]) -> None:
    assert result["kills"] >= KILLS
    if KILLS >= EVERY_POINT:
        assert result["unreached"] == []
        assert result["broker_executions"] >= EXECUTIONS_PER_KILL * KILLS


def test_few_kills_leave_no_trace() -> None:
    assert held(Plan(kills=10, seed=seed()))["kills"] >= 10


def test_kills_leave_no_trace_on_sqlite() -> None:
    assert_thorough(held(Plan(kills=KILLS, seed=seed())))


def test_kills_leave_no_trace_on_postgresql() -> None:
    url = obtained(server_url)
    assert_thorough(held(Plan(kills=KILLS, seed=seed()), url))


def test_kills_leave_no_trace_through_metaapi() -> None:
    plan = plan_for(METAAPI, kills=METAAPI_KILLS, seed=seed(), pace=1.5)
    assert held(plan)["kills"] >= METAAPI_KILLS
