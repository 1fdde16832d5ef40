"""The kill switch, pulled while every deployment signals at once."""

import pytest

from tests.crash.drills import held, url_of
from tradebot.drill.plan import METAAPI, Plan, plan_for
from tradebot.drill.scratch import TIMING

SYMBOLS = 3
"""Each account has a deployment on each."""
pytestmark = pytest.mark.crash


@pytest.mark.parametrize(
    ("plan", "database"),
    [
        (Plan("switch", accounts=4, rounds=5), "sqlite"),
        (Plan("switch", accounts=4, rounds=5), "postgresql"),
        (plan_for(METAAPI, scenario="switch", rounds=2), "postgresql"),
    ],
)
def test_nothing_enters_after_the_kill_switch(plan: Plan, database: str) -> None:
    result = held(plan, url_of(database))
    assert len(result["rounds"]) == plan.rounds
    deployments = SYMBOLS * plan.accounts
    assert all(r["refused"] >= deployments for r in result["rounds"])  # it was under load
    assert result["most_after"] <= 1
    assert result["latest_after"] <= TIMING["call_deadline"]
