"""The kill switch, pulled while every deployment signals at once."""

import pytest

from tests.crash.drills import held, obtained, server_url
from tradebot.drill.plan import Plan
from tradebot.drill.scratch import TIMING

DEPLOYMENTS = 12
"""Three symbols on each of four accounts."""
pytestmark = pytest.mark.crash


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_enters_after_the_kill_switch(database: str) -> None:
    url = obtained(server_url) if database == "postgresql" else ""
    result = held(Plan("switch", accounts=4, rounds=5), url)
    assert len(result["rounds"]) == 5
    assert all(r["refused"] >= DEPLOYMENTS for r in result["rounds"])  # it was under load
    assert result["most_after"] <= 1
    assert result["latest_after"] <= TIMING["call_deadline"]
