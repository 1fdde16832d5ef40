"""Tails against published tables and against their own definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.stats import distributions


@pytest.mark.parametrize(
    ("x", "degrees", "tail"),
    [
        (3.84, 1, 0.0500435212),
        (16.919, 9, 0.0499996408),
        (21.666, 9, 0.0099999799),
        (5.0, 4, 0.2872974952),
        (0.5, 7, 0.9994464814),
        (0.0, 3, 1.0),
        (2000.0, 9, 0.0),
    ],
)
def test_chi_square(x: float, degrees: int, tail: float) -> None:
    assert distributions.chi_square_tail(x, degrees) == pytest.approx(tail, abs=1e-9)


@pytest.mark.parametrize(
    ("t", "degrees", "tail"),
    [
        (1.0, 1, 0.25),
        (2.0, 2, 0.0917517095),
        (1.6646, 79, 0.0499771014),
        (-1.5, 10, 0.9177463368),
        (3.0, 7, 0.0099710631),
    ],
)
def test_student(t: float, degrees: int, tail: float) -> None:
    assert distributions.student_tail(t, degrees) == pytest.approx(tail, abs=1e-9)


@given(st.floats(0.0, 30.0), st.integers(1, 60))
def test_the_square_of_student_t_nears_chi_square_from_above(t: float, degrees: int) -> None:
    two_sided = 2.0 * distributions.student_tail(t, degrees)
    assert two_sided >= distributions.chi_square_tail(t * t, 1) - 1e-12


@pytest.mark.parametrize(
    ("hits", "count", "share", "tail"),
    [(20, 50, 0.5, 0.1013193755), (0, 10, 0.3, 0.0282475249), (300, 500, 0.55, 0.9892868224)],
)
def test_binomial(hits: int, count: int, share: float, tail: float) -> None:
    assert distributions.binomial_cdf(hits, count, share) == pytest.approx(tail, abs=1e-9)


@given(st.integers(0, 60), st.floats(0.0, 1.0))
def test_all_outcomes_of_a_binomial_are_certain(count: int, share: float) -> None:
    assert distributions.binomial_cdf(count, count, share) == pytest.approx(1.0)
    assert distributions.binomial_cdf(-1, count, share) in (0.0, 1.0 if share == 0.0 else 0.0)


def test_kolmogorov_at_its_table_value_for_large_samples() -> None:
    """5 % at 1.358 / sqrt(n m / (n + m))."""
    distance = 1.358 / math.sqrt(50_000.0)
    tail = distributions.kolmogorov_tail(distance, 100_000, 100_000)
    assert tail == pytest.approx(0.05, abs=1e-3)
    assert distributions.kolmogorov_tail(0.0, 9, 9) == 1.0


@given(st.floats(0.001, 0.999))
def test_the_normal_quantile_is_the_inverse(share: float) -> None:
    z = distributions.normal_quantile(share)
    assert distributions.normal_cdf(z) == pytest.approx(share)


def test_tails_are_shares_of_many_draws() -> None:
    rng = np.random.default_rng(1)
    draws = (rng.standard_normal((200_000, 3)) ** 2).sum(axis=1)
    assert (draws > 5.0).mean() == pytest.approx(distributions.chi_square_tail(5.0, 3), abs=3e-3)
