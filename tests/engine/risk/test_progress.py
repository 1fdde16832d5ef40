"""What a challenge wants, goal by goal."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.risk.progress import BestDayOf, DayResult, Goal, Goals, progress
from trading.engine.types import EngineError

D = Decimal
INITIAL = D(100_000)
MONDAY = date(2026, 3, 2)


def days(*profits: int, entries: int = 1) -> list[DayResult]:
    return [DayResult(MONDAY + timedelta(n), D(p), entries) for n, p in enumerate(profits)]


def only(goals: Goals, results: list[DayResult]) -> Goal:
    (goal,) = progress(goals, INITIAL, results)
    return goal


@pytest.mark.parametrize(
    ("profits", "found", "missing"),
    [((6000, -1000), 5, "5000.00 more"), ((9999,), D("9.999"), "1.00 more"), ((10_000,), 10, "")],
)
def test_the_profit_counts_in_percent_of_the_initial_balance(
    profits: tuple[int, ...], found: Decimal, missing: str
) -> None:
    goal = only(Goals(profit_target=D(10)), days(*profits))
    assert (goal.found, goal.missing, goal.is_met) == (found, missing, not missing)


def test_days_with_an_entry_count_whatever_they_made() -> None:
    results = [*days(-5, 0, 5), *days(9, entries=0)]
    goal = only(Goals(min_days=4), results)
    assert (goal.found, goal.missing) == (D(3), "1 more")
    assert only(Goals(min_days=3), results).is_met


def test_profitable_days_make_at_least_their_share() -> None:
    goal = only(Goals(min_profit_days=2, day_profit=D("0.5")), days(499, 500, -500))
    assert (goal.found, goal.missing) == (D(1), "1 more")


@pytest.mark.parametrize(
    ("of", "share", "missing"),
    [
        (BestDayOf.TOTAL, 75, "2000.00 more on other days"),
        (BestDayOf.POSITIVE_DAYS, 60, "1000.00 more on other days"),
    ],
)
def test_the_best_day_keeps_within_its_share(of: BestDayOf, share: int, missing: str) -> None:
    goals = Goals(best_day=D(50), best_day_of=of)
    goal = only(goals, days(3000, 2000, -1000))
    assert (goal.found, goal.missing, goal.is_met) == (D(share), missing, False)
    assert only(goals, days(3000, 2000, 1000)).is_met


@pytest.mark.parametrize("profits", [(), (-10, -20), (100, -200)])
def test_there_is_no_consistency_before_there_is_a_profit(profits: tuple[int, ...]) -> None:
    goal = only(Goals(best_day=D(50)), days(*profits))
    assert (goal.found, goal.is_met, goal.missing) == (None, False, "a profit")


def test_what_is_not_wanted_is_not_told() -> None:
    assert progress(Goals(), INITIAL, days(1)) == ()


@pytest.mark.parametrize("initial", ["0", "-1", "NaN"])
def test_without_an_initial_balance_nothing_can_be_told(initial: str) -> None:
    with pytest.raises(EngineError, match="initial balance"):
        progress(Goals(min_days=1), D(initial), [])


@given(
    st.lists(st.integers(-5000, 5000), max_size=8), st.integers(1, 100), st.sampled_from(BestDayOf)
)
def test_what_is_missing_is_enough(profits: list[int], most: int, of: BestDayOf) -> None:
    """Making it on another day meets the goal, unless that day becomes the best itself."""
    goals = Goals(best_day=D(most), best_day_of=of)
    goal = only(goals, days(*profits))
    if goal.is_met or goal.missing in ("a profit", "no best day"):
        return
    more = D(goal.missing.split()[0])
    best = max(profits)
    parts = int(more // best) + 1
    added = [DayResult(MONDAY, more / parts + D("0.01")) for _ in range(parts)]
    assert only(goals, [*days(*profits), *added]).is_met


@given(st.permutations(days(100, -50, 70, 0)))
def test_the_order_of_days_does_not_matter(results: list[DayResult]) -> None:
    goals = Goals(profit_target=D(1), min_days=2, min_profit_days=1, best_day=D(40))
    assert progress(goals, INITIAL, results) == progress(goals, INITIAL, days(100, -50, 70, 0))
