"""What the simulator is handed: rules as `decide` has them, and the calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from math import inf

import numpy as np
import pytest

from tests.engine.tables import instrument
from trading.engine import risk
from trading.engine.risk import Limits
from trading.engine.sizing import Base, Method, SizingRule, fractional
from trading.engine.tape import Calendar, Rules, calendar_of, rules_of
from trading.engine.types import EngineError

D = Decimal
START = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
"""A Monday."""


def rules(limits: Limits = Limits(), **spec: object) -> Rules:
    return rules_of(instrument(**spec), limits, D("1234.5"), fractional("0.5"))


def calendar(seconds: int, count: int) -> Calendar:
    return calendar_of(START + seconds * np.arange(count), 2)


def test_shares_are_percent_divided_by_a_hundred() -> None:
    given = rules(Limits(daily_loss=D(3), margin_use=D(45)))
    assert (given.balance, given.recipe.value) == (1234.5, 0.005)
    assert (given.daily_loss, given.recipe.margin_use) == (0.03, 0.45)


def test_what_is_not_limited_is_infinite() -> None:
    assert (rules().max_spread, rules().daily_loss) == (inf, inf)
    assert rules(Limits(daily_loss=D(0))).daily_loss == 0.0


@pytest.mark.parametrize(("minimum", "steps"), [("0.2", 2), ("0.25", 3), ("0.3", 3)])
def test_the_least_volume_is_whole_steps_that_reach_it(minimum: str, steps: int) -> None:
    assert rules(volume_min=D(minimum), volume_step=D("0.1")).recipe.min_steps == steps


@pytest.mark.parametrize(
    ("limits", "steps"),
    [
        (Limits(), 15),
        (Limits(max_lots=D(1)), 10),
        (Limits(max_lots=D("0.99")), 9),
        (Limits(max_lots=D(9)), 15),
        (Limits(max_positions=1), 15),
        (Limits(max_positions=0), 0),
    ],
)
def test_the_largest_volume_is_whole_steps_within_broker_and_limit(
    limits: Limits, steps: int
) -> None:
    assert rules(limits, volume_max=D("1.55"), volume_step=D("0.1")).recipe.max_steps == steps


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        (SizingRule(Method.KELLY), "a start_percent above 0 for KELLY"),
        (SizingRule(base=Base.LOSS_ROOM), "a daily loss limit"),
    ],
)
def test_a_rule_that_no_simulation_can_follow_is_refused(rule: SizingRule, complaint: str) -> None:
    with pytest.raises(EngineError, match=f"^Expected {complaint}"):
        rules_of(instrument(), Limits(), D(1000), rule)


def test_a_rule_that_needs_a_limit_or_a_start_may_have_it() -> None:
    rules_of(instrument(), Limits(daily_loss=D(3)), D(1000), SizingRule(base=Base.LOSS_ROOM))
    rules_of(instrument(), Limits(), D(1000), SizingRule(Method.KELLY, start_percent=D(1)))


def test_the_calendar_has_the_rollovers_of_the_bars_with_their_nights() -> None:
    found = calendar(3600, 24 * 7)
    expected = risk.rollovers(START, START + 7 * 86400)
    assert found.time.tolist() == expected.tolist()
    assert found.nights.tolist() == [1, 1, 3, 1, 1, 0, 0]
    assert found.seconds == 3600


def test_the_calendar_reaches_to_the_end_of_the_last_bar() -> None:
    assert len(calendar(4 * 3600, 5).time) == 0
    assert len(calendar(4 * 3600, 6).time) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_bars_there_is_no_calendar(count: int) -> None:
    assert len(calendar(3600, count).time) == 0
