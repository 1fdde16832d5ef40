"""Probabilities that keep their word, and some that do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.monitoring.calibration import (
    brier,
    brier_check,
    brier_skill,
    deciles,
    hit_check,
)
from trading.engine.types import EngineError, FloatArray


def trades(count: int, seed: int = 1, bias: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Probabilities and outcomes that are as likely, or less so by `bias`."""
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(0.3, 0.7, count)
    return predicted, (rng.random(count) < predicted - bias).astype(np.float64)


def test_the_score_by_hand() -> None:
    predicted, outcome = np.array([0.8, 0.4]), np.array([1.0, 0.0])
    assert brier(predicted, outcome) == pytest.approx((0.04 + 0.16) / 2)
    assert brier_skill(predicted, outcome) == pytest.approx(1.0 - 0.1 / 0.25)
    assert brier(np.empty(0), np.empty(0)) is None
    assert brier_skill(predicted, np.ones(2)) is None


@given(st.lists(st.booleans(), min_size=2, max_size=50))
def test_the_share_of_hits_itself_has_no_skill(hits: list[bool]) -> None:
    outcome = np.array(hits, float)
    found = brier_skill(np.full(len(hits), outcome.mean()), outcome)
    assert found is None or found == pytest.approx(0.0, abs=1e-9)


def test_healthy_trades_are_in_the_range() -> None:
    tested = trades(2000)
    checks = [brier_check(tested, trades(50, seed), paths=300) for seed in range(2, 102)]
    inside = [check.low <= check.live <= check.high for check in checks]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.06)


def test_probabilities_that_are_too_sure_are_told() -> None:
    sure = np.full(50, 0.9), trades(50, 3)[1]
    assert brier_check(trades(2000), sure).is_worse
    assert not brier_check(trades(2000), trades(50, 2)).is_worse


def test_forty_heads_of_a_hundred() -> None:
    """The exact binomial test: 2.84 % so few, 5.69 % so unlikely."""
    found = hit_check(40, 100, 0.5)
    assert found.p_fewer == pytest.approx(0.02844, abs=1e-5)
    assert found.p_other == pytest.approx(0.05689, abs=1e-5)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.05, 0.95))
def test_p_values_of_hits_are_probabilities(hits: int, more: int, expected: float) -> None:
    found = hit_check(hits, hits + more + 1, expected)
    assert 0.0 <= found.p_fewer <= 1.0
    assert 0.0 < found.p_other <= 1.0


def test_the_exact_test_alarms_at_most_as_often_as_it_says() -> None:
    hits = np.random.default_rng(1).binomial(50, 0.55, 4000)
    p = {k: hit_check(int(k), 50, 0.55).p_fewer for k in np.unique(hits)}
    assert np.mean([p[k] < 0.05 for k in hits]) < 0.06


def test_deciles_hold_all_trades_in_order() -> None:
    predicted, outcome = trades(103)
    found = deciles(predicted, outcome)
    assert sum(part.count for part in found) == 103
    assert len(found) == 10
    means = [part.predicted for part in found]
    assert means == sorted(means)
    total = sum(part.count * part.realised for part in found)
    assert total == pytest.approx(outcome.sum())
    assert deciles(np.empty(0), np.empty(0)) == ()


def test_what_is_no_probability_is_an_error() -> None:
    with pytest.raises(EngineError, match="Expected probabilities from 0 to 1"):
        brier(np.array([1.2]), np.array([1.0]))
    with pytest.raises(EngineError, match="Expected an outcome each, was 1 for 2"):
        brier(np.array([0.2, 0.3]), np.array([1.0]))
    with pytest.raises(EngineError, match=r"was 3, 2 and 0\.5"):
        hit_check(3, 2, 0.5)
    with pytest.raises(EngineError, match="Expected trades to compare, was 0 and 5"):
        brier_check((np.empty(0), np.empty(0)), trades(5))
