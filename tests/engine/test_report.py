"""The report says every number with its unit, and n/a where there is none."""

from dataclasses import fields, is_dataclass

import pytest

from tests.engine.scripts import played
from tests.engine.test_trades import SETUP, TWO_TRADES
from trading.engine.metrics import Metrics
from trading.engine.report import number_text, report_text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1234567.891, "money", "1,234,567.89 USD"),
        (-0.5, "%", "-0.50 %"),
        (12, "", "12"),
        (1.5, "days", "1.50 days"),
        (None, "%", "n/a"),
    ],
)
def test_numbers_and_units(value: float | None, unit: str, text: str) -> None:
    assert number_text(value, unit, "USD") == text


def test_every_metric_is_in_the_report() -> None:
    result = played(TWO_TRADES, SETUP)
    text = report_text(result)
    groups = [getattr(result.metrics, field.name) for field in fields(Metrics)]
    found = [field for group in groups if is_dataclass(group) for field in fields(group)]
    assert len(found) > 90
    for field in found:
        assert field.name.endswith(("_low", "_high")) or field.metadata["label"] in text


def test_what_is_undefined_is_not_available() -> None:
    lines = report_text(played(TWO_TRADES, SETUP)).splitlines()
    assert any("Sharpe" in line and "n/a" in line for line in lines)
    assert not any("nan" in line.lower() or "inf " in line.lower() for line in lines)


def test_the_head_names_the_terms() -> None:
    head = report_text(played(TWO_TRADES, SETUP)).splitlines()[:8]
    assert head[0] == "script on TEST: 2026-01-06T12:00 to 2026-01-06T17:00 UTC"
    assert "spread 2 ticks (mean), commission 2 USD a lot, slippage 1 ticks" in head[6]
    assert head[4] == "  sizing     method FRACTIONAL, value 1, base LESSER"


def test_warnings_stand_before_the_numbers() -> None:
    assert "! 2 trades are too few to conclude anything" in report_text(played(TWO_TRADES, SETUP))


def test_trades_are_listed_when_asked_for() -> None:
    lines = report_text(played(TWO_TRADES, SETUP), with_trades=True).splitlines()
    row = "2026-01-06 13:00 2026-01-06 14:00 long 4.00 1003 1032 985 TAKE 108.00 1.29"
    assert " ".join(lines[-2].split()) == row
    assert "STOP" in lines[-1]
