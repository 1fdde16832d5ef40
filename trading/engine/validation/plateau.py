"""Whether a choice of parameters stands on a plateau or on a needle.

Neighbours of a point in a grid are those at most one step away along every axis. A good point whose
neighbours are bad was found by the search, not by the market.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trading.engine.stats import ratio
from trading.engine.types import EngineError, FloatArray

Point = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Plateau:
    """A point and its neighbours."""

    own: float | None
    neighbours: int
    """Those with a score."""
    median: float | None
    worst: float | None
    gained: float | None
    """Share of the neighbours whose score is above 0."""

    @property
    def score(self) -> float | None:
        """Median of the neighbours / own score; 1 = a plateau, 0 and below = a needle."""
        return None if self.own is None else ratio(self.median, self.own)


def plateau(points: Sequence[Point], scores: FloatArray, at: int) -> Plateau:
    """What surrounds `points[at]`; a score (of any metric) is NaN where undefined."""
    near = neighbours(points)[at]
    found = scores[near][~np.isnan(scores[near])]
    own = None if np.isnan(scores[at]) else float(scores[at])
    if not len(found):
        return Plateau(own, 0, None, None, None)
    gained = float((found > 0.0).mean())
    return Plateau(own, len(found), float(np.median(found)), float(found.min()), gained)


def smoothed(points: Sequence[Point], scores: FloatArray) -> FloatArray:
    """The median score of each point and its neighbours; NaN where its own is undefined.

    Of two in the middle the lower one: a single good neighbour must not lift the grid's edge. The
    highest of these is a choice that does not hang on a needle.
    """
    around = neighbours(points) | np.eye(len(points), dtype=bool)
    return np.array(
        [
            np.nan if np.isnan(own) else np.nanquantile(scores[near], 0.5, method="lower")
            for own, near in zip(scores, around, strict=True)
        ]
    )


def neighbours(points: Sequence[Point]) -> npt.NDArray[np.bool_]:
    """Whether two points are neighbours: a row and a column per point.

    All points have the same parameters; a step leads to the next value that occurs in the grid.
    """
    names = sorted(points[0]) if points else []
    if any(sorted(point) != names for point in points):
        raise EngineError(f"Expected points of the parameters {names}, was another")
    near = ~np.eye(len(points), dtype=bool)
    for name in names:
        _, step = np.unique([point[name] for point in points], return_inverse=True)
        near &= np.abs(step[:, None] - step[None, :]) <= 1
    return near
