"""Both strategies on ten years of hourly GBPUSD: finite, plausible, and the same every time."""

import math
from dataclasses import asdict
from decimal import Decimal

import pytest

from tests.services.test_history_realdata import DATA, imported
from trading.engine.backtest import Result
from trading.services.backtests import BacktestSpec, backtest_run

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="the market history is not here"),
]


def result_of(kind: str) -> Result:
    """With a spread of 1.2 pips, 7 USD a lot and half a pip of slippage at each order."""
    return backtest_run(
        spec=BacktestSpec(
            kind,
            "GBPUSD",
            "H1",
            spread_ticks=12,
            commission_per_lot=Decimal(7),
            slippage_ticks=5,
        )
    )


@pytest.mark.parametrize("kind", ["donchian", "ewma_trend"])
def test_metrics_on_real_history_are_finite_and_stable(kind: str) -> None:
    imported("GBPUSD_H1")
    result = result_of(kind)
    metrics = asdict(result.metrics)
    numbers = [
        value for group in ("equity", "trades", "costs") for value in metrics[group].values()
    ]
    assert all(value is not None and math.isfinite(value) for value in numbers)
    assert result.to_json(rows=True) == result_of(kind).to_json(rows=True)


@pytest.mark.parametrize("kind", ["donchian", "ewma_trend"])
def test_real_history_gives_plausible_trades(kind: str) -> None:
    imported("GBPUSD_H1")
    result = result_of(kind)
    found, trades = result.metrics, result.trades
    assert 300 < found.trades.count < 5000
    assert 2300 < found.equity.days < 2450
    assert found.costs.spread < 0 > found.costs.slippage
    assert found.costs.before_costs > found.costs.net
    # a stop loses about one R; only a gap over the weekend loses much more
    stopped = trades.r[trades.reason == 1]
    assert -1.05 < stopped.mean() < -0.95
    assert stopped.min() > -6.0
