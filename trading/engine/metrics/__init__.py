"""What a backtest says in numbers: metrics of its equity, its trades and its costs.

Money is account currency; shares are percent. The formulas are in `trading.engine.stats`; what is
undefined is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trading.engine.metrics.equity import (
    DrawdownMetrics,
    EquityMetrics,
    Period,
    ReturnMetrics,
    drawdown_metrics,
    equity_metrics,
    periods_of,
    return_metrics,
)
from trading.engine.metrics.figures import Curve, figure
from trading.engine.metrics.slices import SliceMetrics, slice_by, slices_of
from trading.engine.metrics.trades import (
    CostMetrics,
    QualityMetrics,
    TradeMetrics,
    balances_of,
    cost_metrics,
    quality_metrics,
    trade_metrics,
)
from trading.engine.risk.days import NEW_YORK
from trading.engine.trades import Trades

__all__ = [
    "CostMetrics",
    "Curve",
    "DrawdownMetrics",
    "EquityMetrics",
    "Metrics",
    "Period",
    "QualityMetrics",
    "ReturnMetrics",
    "SliceMetrics",
    "TradeMetrics",
    "cost_metrics",
    "drawdown_metrics",
    "equity_metrics",
    "figure",
    "metrics_of",
    "periods_of",
    "quality_metrics",
    "return_metrics",
    "slice_by",
    "slices_of",
    "trade_metrics",
]


@dataclass(frozen=True, slots=True)
class Metrics:
    equity: EquityMetrics
    returns: ReturnMetrics
    drawdowns: DrawdownMetrics
    trades: TradeMetrics
    quality: QualityMetrics
    costs: CostMetrics
    years: Mapping[str, float]
    """Return of each year, percent."""
    slices: Mapping[str, Mapping[str, SliceMetrics]]
    """The trades by side, reason, hour, weekday, month, session and duration."""


def metrics_of(curve: Curve, trades: Trades, zone: str = NEW_YORK) -> Metrics:
    """Everything a report shows; hours and weekdays are those of `zone`."""
    return Metrics(
        equity=equity_metrics(curve),
        returns=return_metrics(curve),
        drawdowns=drawdown_metrics(curve, balances_of(curve, trades)),
        trades=trade_metrics(trades, len(curve.time)),
        quality=quality_metrics(curve, trades),
        costs=cost_metrics(trades),
        years={year.name: year.return_percent for year in periods_of(curve, "Y")},
        slices=slices_of(trades, zone),
    )
