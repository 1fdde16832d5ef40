"""The reality check and SPA: their size on noise, their power, and how they order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.engine.types import EngineError, FloatArray
from trading.engine.validation.spa import Spa, spa


def noise(trials: int, seed: int = 1, days: int = 250) -> FloatArray:
    return 0.01 * np.random.default_rng(seed).standard_normal((days, trials))


def test_noise_is_rarely_taken_for_skill() -> None:
    found = [spa(noise(10, seed, 500), paths=200, seed=seed) for seed in range(100)]
    assert np.mean([p.consistent < 0.05 for p in found]) < 0.12
    assert np.mean([p.reality_check < 0.05 for p in found]) < 0.12
    assert np.mean([p.consistent for p in found]) == pytest.approx(0.5, abs=0.1)


def test_an_edge_among_noise_is_told() -> None:
    returns = noise(20, days=1000)
    returns[:, 3] += 0.002
    found = spa(returns, paths=500)
    assert found.consistent < 0.01
    assert found.reality_check < 0.01


def test_trials_that_are_far_too_bad_do_not_hide_a_good_one() -> None:
    """They weigh on White's test and on the upper p-value, not on the consistent one."""
    good = noise(1, days=500) + 0.0011
    bad = 5.0 * noise(30, 2, 500) - 0.02
    alone, among = spa(good, paths=1000), spa(np.hstack([good, bad]), paths=1000)
    assert among.consistent == pytest.approx(alone.consistent, abs=0.03)
    assert among.upper > 2.0 * among.consistent
    assert among.reality_check > 10.0 * among.consistent


@settings(max_examples=20)
@given(st.integers(1, 8), st.integers(0, 1000))
def test_the_three_p_values_are_in_order(trials: int, seed: int) -> None:
    found = spa(noise(trials, seed, 60), paths=100, seed=seed)
    assert 0.0 <= found.lower <= found.consistent <= found.upper <= 1.0


def test_losers_alone_are_no_better_than_nothing() -> None:
    assert spa(noise(5) - 0.005, paths=200).consistent == 1.0


def test_the_same_seed_gives_the_same_p_values() -> None:
    first, again = (spa(noise(5), paths=100, seed=4) for _ in range(2))
    assert first == again
    assert isinstance(first, Spa)


def test_scales_do_not_matter_to_it() -> None:
    returns = noise(5)
    scaled = returns * np.array([1.0, 10.0, 0.1, 3.0, 1.0])
    first, second = (spa(values, paths=200, block=2.0) for values in (returns, scaled))
    assert first.consistent == second.consistent


def test_trials_that_never_traded_are_left_out() -> None:
    returns = noise(3)
    still = np.hstack([returns, np.zeros((250, 2))])
    assert spa(still, paths=100) == spa(returns, paths=100)
    with pytest.raises(EngineError, match="Expected 20 days of a trial that varies, was 250 of 0"):
        spa(np.zeros((250, 2)))
