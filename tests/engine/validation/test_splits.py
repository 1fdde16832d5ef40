"""Training rows that share nothing with the test, and the paths that tests make."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.types import EngineError
from trading.engine.validation.splits import (
    Spans,
    cpcv,
    cpcv_paths,
    group_of,
    kept,
    path_count,
    paths,
    purged_kfold,
)

DAY = 86_400


def days(count: int, held: int = 1) -> Spans:
    """A row a day whose label takes `held` days."""
    start = DAY * np.arange(count, dtype=np.int64)
    return Spans(start, start + held * DAY)


@st.composite
def spans(draw: st.DrawFn) -> Spans:
    steps = draw(st.lists(st.integers(0, 20), min_size=8, max_size=60))
    lengths = draw(st.lists(st.integers(0, 60), min_size=len(steps), max_size=len(steps)))
    start = np.cumsum(np.array(steps, np.int64))
    return Spans(start, start + np.array(lengths, np.int64))


@given(spans(), st.integers(2, 6), st.integers(0, 30))
def test_no_training_label_overlaps_a_test_label_or_begins_in_the_embargo(
    given_spans: Spans, groups: int, embargo: int
) -> None:
    start, end = given_spans.start, given_spans.end
    group = group_of(len(start), groups)
    for split in cpcv(given_spans, groups, 1, embargo):
        over = end[split.test].max()
        for row in range(len(start)):
            overlaps = (start[split.test] <= end[row]) & (end[split.test] >= start[row])
            soon = over < start[row] <= over + embargo
            leaks = bool(overlaps.any() or soon or group[row] == split.groups[0])
            assert (row in split.train) is not leaks


def test_labels_of_five_days_cost_the_training_ten() -> None:
    split = list(purged_kfold(days(100, held=5), 5))[2]
    assert split.test.tolist() == list(range(40, 60))
    assert split.train.tolist() == [*range(35), *range(65, 100)]


def test_an_embargo_costs_the_days_after_the_test_only() -> None:
    split = list(purged_kfold(days(100, held=5), 5, embargo=3 * DAY))[2]
    assert split.train.tolist() == [*range(35), *range(68, 100)]


def test_a_long_label_before_short_ones_is_not_overlooked() -> None:
    start = np.arange(4, dtype=np.int64) * 10
    long = Spans(start, start + np.array([100, 1, 1, 1]))
    assert not kept(long, np.array([True, False, False, False])).any()


def test_without_a_test_all_rows_may_be_trained_on() -> None:
    assert kept(days(4), np.zeros(4, bool)).all()


@pytest.mark.parametrize(("groups", "tests"), [(6, 2), (5, 1), (8, 3)])
def test_every_group_is_on_every_path_once(groups: int, tests: int) -> None:
    chosen = list(combinations(range(groups), tests))
    found = paths(groups, tests)
    assert len(found) == path_count(groups, tests) == math.comb(groups, tests) * tests // groups
    used = {(int(split), group) for row in found for group, split in enumerate(row)}
    assert used == {(k, group) for k, groups_ in enumerate(chosen) for group in groups_}


def test_fifteen_splits_of_six_groups_make_five_paths() -> None:
    returns = 0.01 * np.random.default_rng(1).standard_normal((120, 4))
    found = cpcv_paths(returns, days(120))
    assert (len(found.chosen), found.returns.shape, len(found.sharpes)) == (15, (5, 120), 5)


def test_a_path_holds_what_its_splits_chose() -> None:
    """Two groups: each is tested with what was best in the other."""
    first, second = np.tile([0.02, 0.01], 10), np.tile([-0.01, 0.00], 10)
    returns = np.vstack([np.column_stack([first, second]), np.column_stack([second, first])])
    found = cpcv_paths(returns, days(40, held=0), groups=2, tests=1)
    assert found.chosen == (1, 0)
    np.testing.assert_array_equal(found.returns[0], np.concatenate([second, second]))


def test_the_edge_of_one_trial_is_on_all_paths() -> None:
    returns = 0.01 * np.random.default_rng(1).standard_normal((600, 10))
    returns[:, 4] += 0.003
    found = cpcv_paths(returns, days(600))
    assert set(found.chosen) == {4}
    assert min(s for s in found.sharpes if s is not None) > 0.1


def test_spans_must_make_sense() -> None:
    with pytest.raises(EngineError, match="Expected an end at or after every start"):
        Spans(np.array([5]), np.array([4]))
    with pytest.raises(EngineError, match="Expected starts in order"):
        Spans(np.array([5, 4]), np.array([9, 9]))
    with pytest.raises(EngineError, match="Expected 1 <= tests < groups <= rows, was 2, 2 and 9"):
        list(cpcv(days(9), 2, 2))
