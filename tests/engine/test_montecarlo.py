"""Other orders of the same trades, other prices of the same kind."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bars import bars_at, fx_hours, random_bars
from tests.engine.test_backtest import TERMS
from trading.engine.backtest import BacktestRequest, backtest
from trading.engine.montecarlo import (
    MovingBlocks,
    Noise,
    PathPlan,
    draw_trades,
    price_paths,
    shuffle_trades,
)
from trading.engine.strategies import build
from trading.engine.types import Bars, EngineError

BARS = replace(random_bars(3000), spread=np.full(3000, 0.00008))
REQUEST = BacktestRequest(build("donchian", {"atr": 10}), BARS, TERMS)
growths = st.lists(st.floats(0.8, 1.2), min_size=1, max_size=30)


def test_two_trades_have_two_orders() -> None:
    """+10 % and -10 %: the loss is 10 % of any peak, so the order does not matter here."""
    found = shuffle_trades(np.array([1.1, 0.9]), paths=50)
    assert found.original == found.median == found.worst_1 == pytest.approx(0.1)


def test_losses_in_a_row_are_the_worst_order() -> None:
    growth = np.array([1.0] * 5 + [0.9] * 5 + [1.2] * 10)
    found = shuffle_trades(growth, paths=500)
    assert found.original == pytest.approx(1.0 - 0.9**5)
    assert found.worst_1 <= found.original + 1e-12
    assert found.median < found.worst_5 <= found.worst_1
    assert found.rank > 0.95


@given(growths, st.integers(0, 99))
def test_no_order_falls_deeper_than_all_losses_in_a_row(values: list[float], seed: int) -> None:
    growth = np.array(values)
    deepest = 1.0 - np.minimum(growth, 1.0).prod()
    found = shuffle_trades(growth, paths=20, seed=seed)
    assert found.worst_1 <= deepest + 1e-12
    assert found.original <= deepest + 1e-12
    assert 0.0 <= found.rank <= 1.0


def test_the_same_seed_gives_the_same_numbers() -> None:
    growth = np.array([1.1, 0.9, 1.05, 0.97])
    assert shuffle_trades(growth, seed=3) == shuffle_trades(growth, seed=3)
    assert draw_trades(growth, seed=3) == draw_trades(growth, seed=3)


def test_a_coin_drawn_anew() -> None:
    """Ten trades of +10 or -10 %: the median path has five of each."""
    found = draw_trades(np.array([1.1, 0.9]), trades=10, paths=4000)
    assert found.median == pytest.approx(0.99**5)
    assert found.worst_5 < found.median < found.best_5
    assert found.loss == pytest.approx(638 / 1024, abs=0.03)  # at most five wins of ten
    assert found.drawdown_1 >= found.drawdown_5


def test_ruin_of_a_certain_loser() -> None:
    found = draw_trades(np.array([0.9]), trades=4, paths=10)
    assert found.ruin == {0.1: 1.0, 0.2: 1.0, 0.3: 1.0, 0.5: 0.0}
    assert (found.loss, found.median) == pytest.approx((1.0, 0.9**4))


def test_without_trades_nothing_can_be_drawn() -> None:
    for growth in (np.empty(0), np.array([1.1, 0.0])):
        with pytest.raises(EngineError, match="Expected trades that leave a balance above 0"):
            shuffle_trades(growth)
        with pytest.raises(EngineError, match="Expected trades that leave a balance above 0"):
            draw_trades(growth)


def assert_are_bars(bars: Bars) -> None:
    """Lows below, highs above, nothing undefined."""
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low > 0.0).all()


@pytest.mark.parametrize("market", [MovingBlocks(7), MovingBlocks(5000), Noise(1.0)])
def test_other_prices_are_bars_at_the_same_times(market: MovingBlocks | Noise) -> None:
    found = market(BARS, np.random.default_rng(1))
    assert_are_bars(found)
    np.testing.assert_array_equal(found.time, BARS.time)
    assert not np.array_equal(found.close, BARS.close)


def test_every_bar_has_the_shape_of_one_of_the_same_hour_of_the_week() -> None:
    """In a market without holidays blocks stay on their hours."""
    bars = bars_at(fx_hours(8))
    found = MovingBlocks(24)(bars, np.random.default_rng(1))
    hour = bars.time // 3600 % 168
    gaps, known = (np.round(b.open[1:] / b.close[:-1], 9) for b in (found, bars))
    shapes = {(int(h), float(g)) for h, g in zip(hour[1:], known, strict=True)}
    told = [(int(h), float(g)) in shapes for h, g in zip(hour[1:], gaps, strict=True)]
    assert np.mean(told) > 0.95  # all but those over the end of the history


def test_resampled_prices_vary_as_much_as_history() -> None:
    found = MovingBlocks(50)(BARS, np.random.default_rng(1))
    first, second = (np.diff(np.log(bars.close)).std() for bars in (BARS, found))
    assert second == pytest.approx(first, rel=0.05)


def test_noise_adds_its_share_of_the_deviation() -> None:
    found = Noise(1.0)(BARS, np.random.default_rng(1))
    first, second = (np.diff(np.log(bars.close)).std() for bars in (BARS, found))
    assert second == pytest.approx(first * np.sqrt(2.0), rel=0.05)
    np.testing.assert_allclose(Noise(0.0)(BARS, np.random.default_rng(1)).close, BARS.close)


def test_the_original_is_the_backtest_and_history_on_other_prices_is_ranked() -> None:
    found = price_paths(REQUEST, PathPlan(paths=20), workers=2)
    assert found["sharpe"].original == backtest(REQUEST).metrics.equity.sharpe
    for name, ranks in found.items():
        assert ranks.worst_5 is not None
        assert ranks.best_5 is not None
        ordered = (ranks.best_5 - ranks.worst_5) * (-1 if "drawdown" in name else 1)
        assert ordered > 0.0
        assert ranks.better is not None


def test_threads_do_not_change_the_numbers() -> None:
    plan = PathPlan(MovingBlocks(60), paths=6, seed=5)
    assert price_paths(REQUEST, plan, workers=1) == price_paths(REQUEST, plan, workers=3)


def test_history_itself_is_no_better_than_itself() -> None:
    """Noise of 0 gives history back: no path is better."""
    found = price_paths(REQUEST, PathPlan(Noise(0.0), paths=2))
    assert found["return_percent"].median == found["return_percent"].original
    assert found["return_percent"].better == 0.0


def test_where_nothing_is_traded_nothing_is_ranked() -> None:
    flat = np.ones(3000)
    quiet = replace(BARS, open=flat, high=flat, low=flat, close=flat)
    found = price_paths(replace(REQUEST, bars=quiet), PathPlan(Noise(0.0), paths=2))
    assert found["profit_factor"].median is None
    assert found["profit_factor"].better is None
