"""Adjusted p-values, worked out by hand, and their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.stats import multiple

P = np.array([0.04, 0.01, 0.03])
shares = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20)


def test_by_hand() -> None:
    assert multiple.bonferroni(P) == pytest.approx([0.12, 0.03, 0.09])
    assert multiple.holm(P) == pytest.approx([0.06, 0.03, 0.06])
    assert multiple.benjamini_hochberg(P) == pytest.approx([0.04, 0.03, 0.04])
    assert multiple.benjamini_yekutieli(P) == pytest.approx(np.array([0.04, 0.03, 0.04]) * 11 / 6)


@given(shares)
def test_the_stricter_ones_are_never_lower(values: list[float]) -> None:
    p = np.array(values)
    strictest, strict, mild = (
        multiple.bonferroni(p),
        multiple.holm(p),
        multiple.benjamini_hochberg(p),
    )
    assert (strictest >= strict - 1e-12).all()
    assert (strict >= mild - 1e-12).all()
    assert (mild >= p - 1e-12).all()


@given(shares)
def test_the_order_of_tests_stays(values: list[float]) -> None:
    p = np.array(values)
    for adjust in (multiple.holm, multiple.benjamini_hochberg, multiple.benjamini_yekutieli):
        assert (np.diff(adjust(p)[np.argsort(p)]) >= 0.0).all()


def test_nothing_tested_is_nothing() -> None:
    assert len(multiple.benjamini_yekutieli(np.empty(0))) == 0


def test_one_in_twenty_alarms_is_false_where_half_of_the_tests_are() -> None:
    """The share of false alarms among all is at most 5 %, half of that where half are true."""
    rng = np.random.default_rng(1)
    shares_ = []
    for _ in range(400):
        p = np.concatenate([rng.random(20), rng.random(20) * 1e-4])
        told = multiple.benjamini_hochberg(p) < 0.05
        shares_.append(told[:20].sum() / told.sum())
    assert np.mean(shares_) == pytest.approx(0.025, abs=0.01)


def test_a_ratio_of_noise_is_cut_to_nothing() -> None:
    """0.31 a year over 5.7 years, the best of 72."""
    assert multiple.haircut_sharpe(0.31, 5.7, 72) == 0.0
    assert multiple.haircut_sharpe(-1.0, 10.0, 1) == 0.0


def test_a_single_trial_is_not_cut() -> None:
    assert multiple.haircut_sharpe(1.0, 10.0, 1) == pytest.approx(1.0)
    assert multiple.haircut_sharpe(9.0, 100.0, 10) == 9.0
    assert 0.0 < multiple.haircut_sharpe(1.0, 10.0, 50) < 1.0
