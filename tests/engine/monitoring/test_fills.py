"""Fills dearer than assumed are told after eighty of them."""

import numpy as np
import pytest

from trading.engine.monitoring.fills import fill_check, fills_needed
from trading.engine.types import FloatArray


def excess(mean: float, count: int, seed: int) -> FloatArray:
    """Pips beyond the assumption, deviation 0.6."""
    return mean + 0.6 * np.random.default_rng(seed).standard_normal(count)


def test_eighty_fills_suffice_for_a_fifth_of_a_pip() -> None:
    assert fills_needed(0.2, 0.6) == 78
    assert fills_needed(0.1, 0.6) == pytest.approx(4 * 78, abs=4)


@pytest.mark.parametrize(("mean", "low", "high"), [(0.0, 0.0, 0.10), (0.2, 0.80, 1.0)])
def test_chance_rarely_alarms_and_a_fifth_of_a_pip_mostly_does(
    mean: float, low: float, high: float
) -> None:
    checks = [fill_check(excess(mean, 80, seed), paths=400) for seed in range(150)]
    share = np.mean([check.is_dearer for check in checks if check])
    assert low <= share <= high


def test_only_the_last_eighty_count() -> None:
    values = np.concatenate([excess(5.0, 300, 1), excess(0.0, 80, 2)])
    found = fill_check(values)
    assert found is not None
    assert found.count == 80
    assert found.mean == pytest.approx(values[-80:].mean())
    assert not found.is_dearer


def test_fills_that_all_cost_the_same_are_judged_by_that() -> None:
    dear, fair = fill_check(np.full(30, 0.1)), fill_check(np.zeros(30))
    assert dear is not None
    assert fair is not None
    assert (dear.p_t, dear.is_dearer, fair.is_dearer) == (None, True, False)


def test_few_fills_are_not_judged() -> None:
    assert fill_check(excess(5.0, 19, 1)) is None
