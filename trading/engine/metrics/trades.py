"""What closed trades say, all of it after costs, and what trading cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.engine import stats
from trading.engine.metrics.figures import Curve, figure, percent
from trading.engine.stats import mean_of, ratio
from trading.engine.tape import STOP
from trading.engine.trades import Trades
from trading.engine.types import FloatArray


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
class QualityMetrics:
    """How good the trades are beside their sums; moves are measured in distances of the stop."""

    lots: float = figure("Lots traded")
    trades_per_day: float | None = figure("Trades a day")
    t_statistic: float | None = figure("t of mean R")
    chance_percent: float | None = figure("Chance of that t by luck", "%")
    without_best: float = figure("Net without the best 5 %", "money")
    expectancy_ratio: float | None = figure("Expectancy ratio")
    kelly_percent: float | None = figure("Kelly share (a cap)", "%")
    mean_growth_percent: float | None = figure("Growth a trade, mean", "%")
    geometric_growth_percent: float | None = figure("Growth a trade, geometric", "%")
    runs_z: float | None = figure("Z of runs")
    runs_percent: float | None = figure("Chance of that Z by luck", "%")
    line_correlation: float | None = figure("Balance line, correlation")
    line_error: float | None = figure("Balance line, error", "money")
    most_lost_in_row: float = figure("Most lost in a row", "money")
    most_won_in_row: float = figure("Most won in a row", "money")
    edge_ratio: float | None = figure("Edge ratio")
    capture_percent: float | None = figure("Move captured", "%")
    end_drawdown_r: float | None = figure("Given back at the end", "R")
    win_mae_r: float | None = figure("Adverse excursion of wins", "R")
    largest_mae_r: float | None = figure("Largest adverse excursion", "R")
    largest_mfe_r: float | None = figure("Largest favourable excursion", "R")
    stop_overshoot_r: float | None = figure("Stops beyond -1 R by", "R")


@dataclass(frozen=True, slots=True)
class CostMetrics:
    """What trading cost; costs are negative. Spread and slippage are estimates."""

    before_costs: float = figure("Profit before costs", "money")
    spread: float = figure("Spread", "money")
    slippage: float = figure("Slippage", "money")
    commission: float = figure("Commission", "money")
    swap: float = figure("Swap", "money")
    net: float = figure("Profit after costs", "money")


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
        win_rate_percent=percent(ratio(wins, count)),
        win_rate_percent_low=percent(low),
        win_rate_percent_high=percent(high),
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
        exposure_percent=percent(ratio(int(trades.bars.sum()), rows)),
    )


def quality_metrics(curve: Curve, trades: Trades) -> QualityMetrics:
    """All metrics of closed trades that `TradeMetrics` has not."""
    net, r = trades.net, trades.r
    won, lost = net > 0.0, net < 0.0
    t, chance = stats.t_test(r)
    growth = stats.holding_returns(net, curve.start)
    runs, line = stats.runs_test(net), stats.line_of(balances_of(curve, trades))
    moves = _moves_of(trades)
    stopped = r[trades.reason == STOP]
    return QualityMetrics(
        lots=float(trades.lots.sum()),
        trades_per_day=ratio(len(net), len(curve.days)),
        t_statistic=t,
        chance_percent=percent(chance),
        without_best=stats.without_best(net),
        expectancy_ratio=stats.expectancy_ratio(net[won], net[lost]),
        kelly_percent=percent(stats.kelly(r[won], r[lost])),
        mean_growth_percent=percent(growth.mean() - 1.0) if len(growth) else None,
        geometric_growth_percent=percent(np.exp(np.log(growth).mean()) - 1.0)
        if len(growth)
        else None,
        runs_z=runs.z if runs else None,
        runs_percent=percent(runs.probability) if runs else None,
        line_correlation=line.correlation if line else None,
        line_error=line.error if line else None,
        most_lost_in_row=0.0 - _largest_streak(-net),
        most_won_in_row=_largest_streak(net),
        edge_ratio=ratio(mean_of(trades.mfe_r), mean_of(trades.mae_r) or 0.0),
        capture_percent=percent(ratio(float(moves.sum()), float(trades.mfe_r.sum()))),
        end_drawdown_r=mean_of(trades.mfe_r - moves),
        win_mae_r=mean_of(trades.mae_r[won]),
        largest_mae_r=float(trades.mae_r.max()) if len(net) else None,
        largest_mfe_r=float(trades.mfe_r.max()) if len(net) else None,
        stop_overshoot_r=mean_of(np.maximum(-1.0 - stopped, 0.0)),
    )


def balances_of(curve: Curve, trades: Trades) -> FloatArray:
    """The balance after each trade."""
    return curve.start + np.cumsum(trades.net)


def _moves_of(trades: Trades) -> FloatArray:
    """How far each trade got, in distances of its first stop from the entry."""
    distance = np.abs(trades.entry - trades.stop)
    move = trades.side * (trades.exit - trades.entry)
    return np.divide(move, distance, out=np.zeros(len(move)), where=distance > 0.0)


def _largest_streak(nets: FloatArray) -> float:
    """The largest sum of trades above 0 in a row."""
    total = np.cumsum(np.maximum(nets, 0.0))
    resets = np.maximum.accumulate(np.where(nets > 0.0, 0.0, total))
    return float((total - resets).max()) if len(nets) else 0.0


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


def _cost(paid: FloatArray) -> float:
    """What was paid as a negative sum; 0 without a sign where nothing was."""
    return 0.0 - float(paid.sum())
