"""Rates known at a bar's open: never a later price, on the side that loses more."""

import numpy as np
import pytest

from trading.engine.conversion import STALE, Leg, check_known, rates_known
from trading.engine.types import Bars, EngineError


def leg(*, inverse: bool = False, spread: float = 0.0) -> Leg:
    """Two hourly bars at 3600 and 7200: opens 1 and 2, closes 1.5 and 2.5."""
    open_, close = np.array([1.0, 2.0]), np.array([1.5, 2.5])
    bars = Bars(np.array([3600, 7200]), open_, close, open_, close, open_, np.full(2, spread))
    return Leg("GBPUSD H1", bars, 3600, inverse)


@pytest.mark.parametrize(
    ("time", "rate"), [(3600, 1.0), (5400, 1.0), (7200, 2.0), (10_800, 2.5), (90_000, 2.5)]
)
def test_a_bar_that_runs_gives_its_open_and_one_that_is_over_its_close(
    time: int, rate: float
) -> None:
    assert rates_known(np.array([time]), leg()).tolist() == [rate]


def test_a_direct_pair_converts_at_the_ask() -> None:
    assert rates_known(np.array([3600]), leg(spread=0.1)).tolist() == [1.1]


def test_an_inverse_pair_converts_at_one_over_the_bid() -> None:
    assert rates_known(np.array([7200]), leg(inverse=True, spread=0.1)).tolist() == [0.5]


@pytest.mark.parametrize("time", [3599, 7200 + 3600 + STALE + 1])
def test_a_time_without_a_recent_bar_is_refused(time: int) -> None:
    with pytest.raises(EngineError, match="Expected history of GBPUSD H1 to convert with at 1970"):
        check_known(np.array([time]), leg())


def test_times_with_a_recent_bar_are_fine() -> None:
    check_known(np.array([3600, 7200, 7200 + STALE]), leg())
