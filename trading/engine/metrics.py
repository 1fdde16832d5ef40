"""What a backtest says in numbers: metrics of its equity, its trades and its costs.

Money is account currency; shares are percent. The formulas are in `trading.engine.stats`; what is
undefined is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from trading.engine import stats
from trading.engine.stats import mean_of, ratio
from trading.engine.tape import EXIT_REASONS
from trading.engine.trades import Trades
from trading.engine.types import FloatArray, IntArray

DAY: Final = 86400


def figure(label: str, unit: str = "") -> Any:
    """A metric with its name in reports and its unit: money, %, R, days, hours, bars or none."""
    return field(metadata={"label": label, "unit": unit})


@dataclass(frozen=True, slots=True)
class EquityMetrics:
    """What the equity curve says; drawdowns are measured at every bar's close."""

    days: int = figure("Trading days")
    net_profit: float = figure("Net profit", "money")
    return_percent: float = figure("Return", "%")
    cagr_percent: float | None = figure("CAGR", "%")
    best_day_percent: float | None = figure("Best day", "%")
    worst_day_percent: float | None = figure("Worst day", "%")
    volatility_percent: float | None = figure("Volatility, annual", "%")
    sharpe: float | None = figure("Sharpe")
    sharpe_low: float | None = figure("Sharpe, 95 % low")
    sharpe_high: float | None = figure("Sharpe, 95 % high")
    sortino: float | None = figure("Sortino")
    calmar: float | None = figure("Calmar")
    omega: float | None = figure("Omega")
    ulcer_percent: float | None = figure("Ulcer index", "%")
    max_drawdown: float = figure("Max drawdown", "money")
    max_drawdown_percent: float | None = figure("Max drawdown, relative", "%")
    longest_drawdown_days: float = figure("Longest drawdown", "days")
    under_water_percent: float | None = figure("Time under water", "%")
    recovery_factor: float | None = figure("Recovery factor")


@dataclass(frozen=True, slots=True)
class TradeMetrics:
    """What the closed trades say, all of it after costs."""

    count: int = figure("Trades")
    long: int = figure("Long")
    short: int = figure("Short")
    wins: int = figure("Wins")
    losses: int = figure("Losses")
    win_rate_percent: float | None = figure("Win rate", "%")
    win_rate_percent_low: float | None = figure("Win rate, 95 % low", "%")
    win_rate_percent_high: float | None = figure("Win rate, 95 % high", "%")
    gross_profit: float = figure("Gross profit", "money")
    gross_loss: float = figure("Gross loss", "money")
    profit_factor: float | None = figure("Profit factor")
    payoff: float | None = figure("Payoff")
    expectancy: float | None = figure("Expectancy", "money")
    median: float | None = figure("Median trade", "money")
    average_win: float | None = figure("Average win", "money")
    average_loss: float | None = figure("Average loss", "money")
    largest_win: float | None = figure("Largest win", "money")
    largest_loss: float | None = figure("Largest loss", "money")
    mean_r: float | None = figure("Mean R", "R")
    mean_r_low: float | None = figure("Mean R, 95 % low", "R")
    mean_r_high: float | None = figure("Mean R, 95 % high", "R")
    sqn: float | None = figure("SQN")
    most_wins_in_row: int = figure("Most wins in a row")
    most_losses_in_row: int = figure("Most losses in a row")
    mean_hours: float | None = figure("Holding time", "hours")
    mean_hours_win: float | None = figure("Holding time, wins", "hours")
    mean_hours_loss: float | None = figure("Holding time, losses", "hours")
    mean_mae_r: float | None = figure("Mean adverse excursion", "R")
    mean_mfe_r: float | None = figure("Mean favourable excursion", "R")
    exposure_percent: float | None = figure("Exposure", "%")


@dataclass(frozen=True, slots=True)
class CostMetrics:
    """What trading cost; costs are negative. Spread and slippage are estimates."""

    before_costs: float = figure("Profit before costs", "money")
    spread: float = figure("Spread", "money")
    slippage: float = figure("Slippage", "money")
    commission: float = figure("Commission", "money")
    swap: float = figure("Swap", "money")
    net: float = figure("Profit after costs", "money")


@dataclass(frozen=True, slots=True)
class ReasonMetrics:
    """The trades that ended in one way."""

    count: int = figure("Trades")
    win_rate_percent: float | None = figure("Win rate", "%")
    mean_r: float | None = figure("Mean R", "R")
    net: float = figure("Net", "money")


@dataclass(frozen=True, slots=True)
class Metrics:
    equity: EquityMetrics
    trades: TradeMetrics
    costs: CostMetrics
    by_reason: Mapping[str, ReasonMetrics]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The equity of a run: `time` and `equity` by bar, from the first bar that could trade on.

    `days` are the rows that end a trading day, the last row included; `start` is the balance
    before the first bar.
    """

    time: IntArray
    equity: FloatArray
    days: IntArray
    start: float

    @property
    def daily(self) -> FloatArray:
        """Equity at the start and at the end of each day."""
        return np.concatenate([[self.start], self.equity[self.days]])


def metrics_of(curve: Curve, trades: Trades) -> Metrics:
    """Everything a report shows."""
    return Metrics(
        equity=equity_metrics(curve),
        trades=trade_metrics(trades, len(curve.time)),
        costs=cost_metrics(trades),
        by_reason=reason_metrics(trades),
    )


def equity_metrics(curve: Curve) -> EquityMetrics:
    """All metrics of the equity curve."""
    daily = curve.daily
    end = float(daily[-1])
    drawdown = stats.deepest_drawdown(curve.time, curve.equity, curve.start)
    growth = stats.cagr(curve.start, end, _days_of(curve))
    returns = stats.daily_returns(daily)
    sharpe_ = stats.sharpe(returns)
    low, high = stats.sharpe_interval(sharpe_, len(returns))
    return EquityMetrics(
        days=len(curve.days),
        net_profit=end - curve.start,
        return_percent=100.0 * (end / curve.start - 1.0),
        cagr_percent=_percent(growth),
        best_day_percent=_percent(returns.max()) if len(returns) else None,
        worst_day_percent=_percent(returns.min()) if len(returns) else None,
        volatility_percent=_percent(stats.volatility(returns)),
        sharpe=sharpe_,
        sharpe_low=low,
        sharpe_high=high,
        sortino=stats.sortino(returns),
        calmar=ratio(growth, drawdown.share),
        omega=stats.omega(returns),
        ulcer_percent=_percent(stats.ulcer(daily)),
        max_drawdown=drawdown.money,
        max_drawdown_percent=_percent(drawdown.share),
        longest_drawdown_days=drawdown.seconds / DAY,
        under_water_percent=_percent(ratio(drawdown.rows, len(curve.equity))),
        recovery_factor=ratio(end - curve.start, drawdown.money),
    )


def trade_metrics(trades: Trades, rows: int) -> TradeMetrics:
    """All metrics of closed trades in `rows` bars."""
    net, r = trades.net, trades.r
    won, lost = net > 0.0, net < 0.0
    count, wins = len(net), int(won.sum())
    gains, losses = net[won], net[lost]
    low, high = stats.wilson(wins, count)
    r_low, r_high = stats.mean_interval(r)
    hours = (trades.exit_time - trades.entry_time) / 3600.0
    return TradeMetrics(
        count=count,
        long=int((trades.side > 0).sum()),
        short=int((trades.side < 0).sum()),
        wins=wins,
        losses=len(losses),
        win_rate_percent=_percent(ratio(wins, count)),
        win_rate_percent_low=_percent(low),
        win_rate_percent_high=_percent(high),
        gross_profit=float(gains.sum()),
        gross_loss=float(losses.sum()),
        profit_factor=ratio(float(gains.sum()), -float(losses.sum())),
        payoff=ratio(mean_of(gains), -(mean_of(losses) or 0.0)),
        expectancy=mean_of(net),
        median=float(np.median(net)) if count else None,
        average_win=mean_of(gains),
        average_loss=mean_of(losses),
        largest_win=float(gains.max()) if len(gains) else None,
        largest_loss=float(losses.min()) if len(losses) else None,
        mean_r=mean_of(r),
        mean_r_low=r_low,
        mean_r_high=r_high,
        sqn=stats.sqn(r),
        most_wins_in_row=stats.longest_run(won),
        most_losses_in_row=stats.longest_run(lost),
        mean_hours=mean_of(hours),
        mean_hours_win=mean_of(hours[won]),
        mean_hours_loss=mean_of(hours[lost]),
        mean_mae_r=mean_of(trades.mae_r),
        mean_mfe_r=mean_of(trades.mfe_r),
        exposure_percent=_percent(ratio(int(trades.bars.sum()), rows)),
    )


def cost_metrics(trades: Trades) -> CostMetrics:
    """Where the money went: `before_costs` plus all the costs is `net`."""
    spread, slippage = _cost(trades.spread_cost), _cost(trades.slippage_cost)
    commission, swap = _cost(trades.commission), float(trades.swap.sum())
    net = float(trades.net.sum())
    return CostMetrics(
        before_costs=net - spread - slippage - commission - swap,
        spread=spread,
        slippage=slippage,
        commission=commission,
        swap=swap,
        net=net,
    )


def reason_metrics(trades: Trades) -> dict[str, ReasonMetrics]:
    """The trades by the way they ended; ways that did not occur are left out."""
    found: dict[str, ReasonMetrics] = {}
    for code, reason in enumerate(EXIT_REASONS):
        is_it = trades.reason == code
        count = int(is_it.sum())
        if count:
            wins, net = int((trades.net[is_it] > 0.0).sum()), float(trades.net[is_it].sum())
            rate = _percent(ratio(wins, count))
            found[str(reason)] = ReasonMetrics(count, rate, mean_of(trades.r[is_it]), net)
    return found


def _cost(paid: FloatArray) -> float:
    """What was paid as a negative sum; 0 without a sign where nothing was."""
    return 0.0 - float(paid.sum())


def _days_of(curve: Curve) -> float:
    return float(curve.time[-1] - curve.time[0]) / DAY if len(curve.time) else 0.0


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * float(share)
