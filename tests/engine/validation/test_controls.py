"""The whole of the judgement on two markets of known nature: one with trends, one without."""

from decimal import Decimal

import numpy as np
import pytest

from tests import instruments
from tests.bars import MONDAY
from trading.engine import stats
from trading.engine.backtest import Terms
from trading.engine.stats import Tally
from trading.engine.strategies import build
from trading.engine.sweep import sweep
from trading.engine.types import Bars, FloatArray
from trading.engine.validation.overfit import overfit
from trading.engine.validation.spa import spa
from trading.engine.validation.splits import Spans, cpcv_paths
from trading.engine.walkforward import Scheme, walk_forward

GRID = [
    build("donchian", {"entry": entry, "exit": exit_, "stop_atr": stop})
    for entry in (40, 80, 160)
    for exit_ in (10, 30)
    for stop in (3.0, 6.0)
]
CHEAP = Terms(instruments.EURUSD, balance=Decimal(100_000))
HOURS = 24_000
DAY = 86_400


def market(trend: float) -> Bars:
    """Hourly bars of a walk whose mean changes sign every 500 bars, in deviations of a bar."""
    rng = np.random.default_rng(1)
    signs = np.repeat(rng.choice([-1.0, 1.0], HOURS // 500), 500)
    ticks = 200_000 + np.cumsum(np.rint(10.0 * (rng.standard_normal(HOURS) + trend * signs)))
    open_ = np.concatenate([ticks[:1], ticks[:-1]])
    high, low = np.maximum(open_, ticks) + 3, np.minimum(open_, ticks) - 3
    time = MONDAY + 3600 * np.arange(HOURS, dtype=np.int64)
    prices = (open_ / 1e5, high / 1e5, low / 1e5, ticks / 1e5)
    return Bars(time, *prices, np.ones(HOURS), np.zeros(HOURS))


@pytest.fixture(scope="module")
def trends() -> FloatArray:
    return sweep(GRID, market(0.1), CHEAP, with_returns=True).returns


@pytest.fixture(scope="module")
def noise() -> FloatArray:
    return sweep(GRID, market(0.0), CHEAP, with_returns=True).returns


def deflated(returns: FloatArray) -> float:
    """The deflated ratio of the best trial among all of them."""
    samples = [stats.sharpe_sample(column) for column in returns.T]
    ratios = [sample.sharpe for sample in samples if sample]
    best = max((sample for sample in samples if sample), key=lambda sample: sample.sharpe)
    found = stats.deflated_sharpe(best, Tally.of(ratios))
    assert found is not None
    return found


def test_trends_pass_every_test(trends: FloatArray) -> None:
    judged = overfit(trends, 10)
    assert deflated(trends) > 0.95
    assert (judged.probability, judged.loss) == pytest.approx((0.0, 0.0), abs=0.1)
    assert spa(trends, paths=500).consistent < 0.01


def test_the_same_market_without_trends_passes_none(noise: FloatArray) -> None:
    judged = overfit(noise, 10)
    assert deflated(noise) < 0.95
    assert judged.loss > 0.25
    assert spa(noise, paths=500).consistent > 0.05


def test_every_path_of_trends_gains_and_of_noise_not(trends: FloatArray, noise: FloatArray) -> None:
    start = DAY * np.arange(len(trends), dtype=np.int64)
    spans = Spans(start, start + 10 * DAY)
    good, bad = (cpcv_paths(r[: len(start)], spans) for r in (trends, noise))
    assert min(s for s in good.sharpes if s is not None) > 0.0
    assert min(s for s in bad.sharpes if s is not None) < 0.0


@pytest.mark.parametrize(("trend", "gains"), [(0.1, True), (0.0, False)])
def test_the_walk_forward_keeps_what_is_there(trend: float, gains: bool) -> None:
    scheme = Scheme(train=8_000, test=2_000, purge=200)
    found = walk_forward(GRID, market(trend), CHEAP, scheme)
    assert found.metrics.equity.sharpe is not None
    assert (found.metrics.equity.sharpe > 1.0) is gains
