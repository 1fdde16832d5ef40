"""Cuts of history into training and test rows between which nothing leaks.

A row is an observation whose label is known only later: it spans [start, end] in epoch seconds.
Training rows whose label overlaps one of a test row are purged, and so are those that begin within
an embargo after a test block (Lopez de Prado, Advances in Financial Machine Learning, chapters 7
and 12).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from trading.engine.stats import deviation_of
from trading.engine.types import EngineError, FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """When each row's label begins and ends, epoch seconds; rows are in order of their starts."""

    start: IntArray
    end: IntArray

    def __post_init__(self) -> None:
        if len(self.start) != len(self.end) or (self.end < self.start).any():
            raise EngineError("Expected an end at or after every start, was another")
        if (np.diff(self.start) < 0).any():
            raise EngineError("Expected starts in order, was a step back")

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows to train on and rows to test on; `groups` are those of the test."""

    train: IntArray
    test: IntArray
    groups: tuple[int, ...]


def purged_kfold(spans: Spans, folds: int = 5, embargo: int = 0) -> Iterator[Split]:
    """Each of some consecutive folds is the test once."""
    return cpcv(spans, folds, 1, embargo)


def cpcv(spans: Spans, groups: int = 6, tests: int = 2, embargo: int = 0) -> Iterator[Split]:
    """Combinatorial purged cross-validation: every choice of `tests` of the groups is tested."""
    if not 1 <= tests < groups <= len(spans):
        raise EngineError(
            f"Expected 1 <= tests < groups <= rows, was {tests}, {groups} and {len(spans)}"
        )
    group = group_of(len(spans), groups)
    for chosen in combinations(range(groups), tests):
        is_test = np.isin(group, chosen)
        train = np.flatnonzero(kept(spans, is_test, embargo))
        yield Split(train, np.flatnonzero(is_test), chosen)


def group_of(rows: int, groups: int) -> IntArray:
    """The group of each row: consecutive, as equal as can be."""
    return np.arange(rows) * groups // rows


def kept(spans: Spans, is_test: BoolArray, embargo: int = 0) -> BoolArray:
    """The rows that may be trained on: no test row, not overlapping one, not soon after one."""
    start, end = spans.start[is_test], spans.end[is_test]
    if not len(start):
        return ~is_test
    latest = np.maximum.accumulate(end)  # the last end among test rows up to here
    before = np.searchsorted(start, spans.end, side="right") - 1
    overlaps = (before >= 0) & (latest[before] >= spans.start)
    follows = np.zeros(len(spans), bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_test, [0]])))
    for first, last in edges.reshape(-1, 2):
        over = int(spans.end[first:last].max())
        follows |= (spans.start > over) & (spans.start <= over + embargo)
    return ~(is_test | overlaps | follows)


def path_count(groups: int, tests: int) -> int:
    """Whole histories that the tests of all splits can be put together to."""
    return math.comb(groups - 1, tests - 1)


def paths(groups: int, tests: int) -> IntArray:
    """The split whose test covers a group: a row per path and a column per group.

    The splits are numbered as `cpcv` yields them; each (split, group) is in one path.
    """
    found = np.empty((path_count(groups, tests), groups), np.int64)
    used = np.zeros(groups, np.int64)
    for number, chosen in enumerate(combinations(range(groups), tests)):
        for group in chosen:
            found[used[group], group] = number
            used[group] += 1
    return found


@dataclass(frozen=True, slots=True, eq=False)
class CpcvPaths:
    """Returns out of sample, a row per path and a column per day, and what was chosen.

    `chosen` holds the trial (column) that each split's training preferred.
    """

    returns: FloatArray
    sharpes: tuple[float | None, ...]
    """Per day, of each path."""
    chosen: tuple[int, ...]


def cpcv_paths(
    returns: FloatArray, spans: Spans, *, groups: int = 6, tests: int = 2, embargo: int = 0
) -> CpcvPaths:
    """Choose the trial of the best Sharpe ratio in each training, and follow it in the test.

    `returns` has a row per day and a column per trial; `spans` say how long a day's positions were
    held, so that days which share a trade with the test are not trained on.
    """
    splits = cpcv(spans, groups, tests, embargo)
    chosen = [best_column(returns[split.train]) for split in splits]
    group = group_of(len(spans), groups)
    found = np.empty((path_count(groups, tests), len(spans)))
    for row, numbers in zip(found, paths(groups, tests), strict=True):
        trial = np.array(chosen)[numbers][group]
        row[:] = returns[np.arange(len(spans)), trial]
    return CpcvPaths(found, tuple(map(_sharpe, found)), tuple(chosen))


def best_column(returns: FloatArray) -> int:
    """The trial of the highest Sharpe ratio; one that does not vary has the ratio 0."""
    if len(returns) < 2:
        raise EngineError(f"Expected at least 2 days to train on, was {len(returns)}")
    deviation = returns.std(axis=0, ddof=1)
    still = deviation <= 1e-14
    ratios = np.where(still, 0.0, returns.mean(axis=0) / np.where(still, 1.0, deviation))
    return int(ratios.argmax())


def _sharpe(returns: FloatArray) -> float | None:
    deviation = deviation_of(returns)
    return float(returns.mean()) / deviation if deviation else None
