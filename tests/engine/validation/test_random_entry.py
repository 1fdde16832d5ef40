"""Random moments with everything else kept."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bars import random_bars
from tests.engine.scripts import Script
from tests.engine.test_backtest import TERMS
from trading.engine.backtest import BacktestRequest, backtest
from trading.engine.strategies import build
from trading.engine.types import Bars, SideArray, Signals
from trading.engine.validation.random_entry import mixed_up, random_entries

BARS = replace(random_bars(3000), spread=np.full(3000, 0.00002))
sides = st.lists(st.sampled_from([-1, 0, 1]), max_size=60).map(lambda v: np.array(v, np.int8))


def runs(side: SideArray) -> tuple[list[int], list[int]]:
    """The sides one after the other and how long each lasts."""
    edges = [0, *(np.flatnonzero(np.diff(side)) + 1).tolist(), len(side)]
    return [int(side[a]) for a in edges[:-1] if a < len(side)], np.diff(edges).tolist()


@given(sides, st.integers(0, 99))
def test_only_the_lengths_change_places(side: SideArray, seed: int) -> None:
    found = mixed_up(side, np.random.default_rng(seed))
    (order, lengths), (new_order, new_lengths) = runs(side), runs(found)
    assert new_order == order
    for kind in (True, False):
        old, new = (
            sorted(n for s, n in zip(order, both, strict=False) if (s == 0) is kind)
            for both in (lengths, new_lengths)
        )
        assert old == new
    assert found.dtype == np.int8


def clairvoyant(bars: Bars) -> Script:
    """Long before the ten bars that gain most of each hundred, flat else."""
    gain = bars.close[10:] - bars.close[:-10]
    side = np.zeros(len(bars), np.int8)
    for start in range(0, len(bars) - 120, 100):
        best = start + int(gain[start : start + 100].argmax())
        side[best : best + 10] = 1
    distance, nothing = np.full(len(bars), 0.01), np.full(len(bars), np.nan)
    return Script(Signals(side, distance, nothing, nothing, nothing, nothing))


def test_moments_that_know_the_future_are_told_from_random_ones() -> None:
    found = random_entries(BacktestRequest(clairvoyant(BARS), BARS, TERMS), runs=99)
    assert found.p_sharpe == found.p_mean_r == found.p_net_profit == pytest.approx(0.01)


def test_a_rule_on_a_random_walk_is_no_better_than_chance() -> None:
    """Over many walks the p-value is anything between 0 and 1 equally often."""
    found = []
    for seed in range(20):
        bars = replace(random_bars(1500, seed=seed), spread=np.zeros(1500))
        request = BacktestRequest(build("donchian", {"atr": 10, "entry": 20}), bars, TERMS)
        found.append(random_entries(request, runs=39, seed=seed).p_net_profit)
    assert np.mean([p for p in found if p is not None]) == pytest.approx(0.5, abs=0.2)


def test_the_own_run_is_the_backtest_and_threads_do_not_matter() -> None:
    request = BacktestRequest(build("donchian", {"atr": 10}), BARS, TERMS)
    first, second = (random_entries(request, runs=10, workers=n) for n in (1, 3))
    assert first == second
    assert first.own.net_profit == backtest(request).metrics.equity.net_profit


def test_without_trades_there_is_no_p_value_of_r() -> None:
    nothing = np.full(3000, np.nan)
    still = Script(Signals(np.zeros(3000, np.int8), nothing, nothing, nothing, nothing, nothing))
    found = random_entries(BacktestRequest(still, BARS, TERMS), runs=5)
    assert (found.p_mean_r, found.p_sharpe, found.p_net_profit) == (None, None, 1.0)
