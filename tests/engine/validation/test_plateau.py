"""A plateau, a needle, and the choice between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.types import EngineError
from trading.engine.validation.plateau import Point, neighbours, plateau, smoothed

GRID: list[Point] = [{"entry": e, "stop": s} for e in (20, 40, 80) for s in (1.0, 1.5, 3.0)]
CENTRE = 4


def test_the_centre_of_a_grid_has_eight_neighbours_and_a_corner_three() -> None:
    counts = neighbours(GRID).sum(axis=1)
    assert (counts[CENTRE], counts[0], counts[1]) == (8, 3, 5)


def test_a_step_leads_to_the_next_value_however_far() -> None:
    points: list[Point] = [{"window": w} for w in (10, 20, 500, 1000)]
    assert neighbours(points)[1].tolist() == [True, False, True, False]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=15))
def test_neighbours_are_mutual(values: list[tuple[int, int]]) -> None:
    near = neighbours([{"a": a, "b": b} for a, b in values])
    assert (near == near.T).all()
    assert not near.diagonal().any()


def test_a_plateau_scores_one_and_a_needle_nothing() -> None:
    flat, needle = np.ones(9), np.full(9, -0.5)
    needle[CENTRE] = 2.0
    assert plateau(GRID, flat, CENTRE).score == 1.0
    found = plateau(GRID, needle, CENTRE)
    assert (found.score, found.gained, found.worst) == (-0.25, 0.0, -0.5)


def test_undefined_scores_are_no_neighbours() -> None:
    scores = np.ones(9)
    scores[:4] = np.nan
    assert plateau(GRID, scores, CENTRE).neighbours == 4
    assert plateau(GRID, scores, 0).score is None
    alone = plateau([{"a": 1.0}], np.array([1.0]), 0)
    assert (alone.neighbours, alone.score) == (0, None)


def test_a_loser_has_no_score() -> None:
    assert plateau(GRID, np.full(9, -1.0), CENTRE).score is None


def test_the_smoothed_choice_prefers_the_plateau() -> None:
    points: list[Point] = [{"window": w} for w in range(8)]
    scores = np.array([0.0, 3.0, 0.0, 0.0, 0.9, 1.2, 1.1, 0.2])
    assert scores.argmax() == 1
    assert smoothed(points, scores).argmax() == 5
    assert np.isnan(smoothed(points, np.full(8, np.nan))).all()


def test_points_are_of_the_same_parameters() -> None:
    with pytest.raises(EngineError, match="Expected points of the parameters"):
        neighbours([{"a": 1.0}, {"b": 1.0}])
