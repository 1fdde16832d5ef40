"""What the platform needs goes away for some seconds, and trading goes on by itself."""

import pytest

from tests.crash.drills import held
from tradebot.drill.plan import Plan

RESUMED_WITHIN = 20.0
pytestmark = pytest.mark.crash


def test_no_order_is_sent_while_the_database_is_down() -> None:
    result = held(Plan("database"))
    assert result["orders_while_down"] == 0
    assert result["orders_without_record"] == []
    assert result["resumed_seconds"] is not None
    assert result["resumed_seconds"] < RESUMED_WITHIN


def test_entries_go_on_without_the_cache() -> None:
    result = held(Plan("cache"))
    assert result["entries_while_down"] > 0
    assert result["orders_without_record"] == []


def test_a_full_disk_sends_no_order_without_its_record() -> None:
    result = held(Plan("disk"))
    assert result["refusals"]["database or disk is full"] > 0
    assert result["orders_without_record"] == []
    assert result["integrity"] == "ok"
    assert result["resumed_seconds"] is not None
    assert result["resumed_seconds"] < RESUMED_WITHIN
