"""What the equity curve says: growth, reward for risk, tails, drawdowns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.engine import stats
from trading.engine.metrics.figures import DAY, Curve, figure, percent
from trading.engine.stats import Episode, ratio
from trading.engine.types import FloatArray


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
class ReturnMetrics:
    """What the daily returns say beside their ratios: evidence, shape, tails, months."""

    chance_percent: float | None = figure("Chance of Sharpe > 0", "%")
    least_days: float | None = figure("Days to be sure at 95 %", "days")
    smart_sharpe: float | None = figure("Sharpe, autocorrelated")
    gain_to_pain: float | None = figure("Gain to pain")
    martin: float | None = figure("Martin ratio")
    serenity: float | None = figure("Serenity")
    k_ratio: float | None = figure("K-ratio")
    skewness: float | None = figure("Skewness")
    kurtosis: float | None = figure("Kurtosis (normal 3)")
    tail_ratio: float | None = figure("Tail ratio")
    risk_95_percent: float | None = figure("Value at risk, 95 %", "%")
    shortfall_95_percent: float | None = figure("Shortfall, 95 %", "%")
    risk_99_percent: float | None = figure("Value at risk, 99 %", "%")
    shortfall_99_percent: float | None = figure("Shortfall, 99 %", "%")
    up_days_percent: float | None = figure("Days up", "%")
    up_months_percent: float | None = figure("Months up", "%")
    best_month_percent: float | None = figure("Best month", "%")
    worst_month_percent: float | None = figure("Worst month", "%")


@dataclass(frozen=True, slots=True)
class DrawdownMetrics:
    """Drawdowns one by one and together, at every bar's close."""

    count: int = figure("Drawdowns")
    mean_days: float | None = figure("Mean drawdown", "days")
    recovery_days: float | None = figure("Recovery of the deepest", "days")
    current_percent: float | None = figure("Drawdown now", "%")
    absolute: float = figure("Drawdown below the start", "money")
    conditional_percent: float | None = figure("Drawdown, worst 5 % of days", "%")
    balance: float = figure("Max drawdown of the balance", "money")
    balance_percent: float | None = figure("Balance, relative", "%")


@dataclass(frozen=True, slots=True)
class Period:
    """A month or a year of the curve."""

    name: str
    return_percent: float


def equity_metrics(curve: Curve) -> EquityMetrics:
    """All metrics of the equity curve."""
    daily = curve.daily
    end = float(daily[-1])
    drawdown = stats.deepest_drawdown(curve.time, curve.equity, curve.start)
    growth = growth_of(curve)
    returns = stats.daily_returns(daily)
    sharpe_ = stats.sharpe(returns)
    low, high = stats.sharpe_interval(sharpe_, len(returns))
    return EquityMetrics(
        days=len(curve.days),
        net_profit=end - curve.start,
        return_percent=100.0 * (end / curve.start - 1.0),
        cagr_percent=percent(growth),
        best_day_percent=percent(returns.max()) if len(returns) else None,
        worst_day_percent=percent(returns.min()) if len(returns) else None,
        volatility_percent=percent(stats.volatility(returns)),
        sharpe=sharpe_,
        sharpe_low=low,
        sharpe_high=high,
        sortino=stats.sortino(returns),
        calmar=ratio(growth, drawdown.share),
        omega=stats.omega(returns),
        ulcer_percent=percent(stats.ulcer(daily)),
        max_drawdown=drawdown.money,
        max_drawdown_percent=percent(drawdown.share),
        longest_drawdown_days=drawdown.seconds / DAY,
        under_water_percent=percent(ratio(drawdown.rows, len(curve.equity))),
        recovery_factor=ratio(end - curve.start, drawdown.money),
    )


def growth_of(curve: Curve) -> float | None:
    """CAGR of a curve."""
    days = float(curve.time[-1] - curve.time[0]) / DAY if len(curve.time) else 0.0
    return stats.cagr(curve.start, float(curve.daily[-1]), days)


def return_metrics(curve: Curve) -> ReturnMetrics:
    """All metrics of daily returns that `EquityMetrics` has not."""
    daily = curve.daily
    returns = stats.daily_returns(daily)
    sample = stats.sharpe_sample(returns)
    months = np.array([month.return_percent for month in periods_of(curve, "M")])
    return ReturnMetrics(
        chance_percent=percent(stats.probabilistic_sharpe(sample)) if sample else None,
        least_days=stats.least_track_record(sample) if sample else None,
        smart_sharpe=stats.smart_sharpe(returns),
        gain_to_pain=stats.gain_to_pain(returns),
        martin=ratio(growth_of(curve), stats.ulcer(daily) or 0.0),
        serenity=stats.serenity(daily),
        k_ratio=stats.k_ratio(daily),
        skewness=stats.skewness(returns),
        kurtosis=stats.kurtosis(returns),
        tail_ratio=stats.tail_ratio(returns),
        risk_95_percent=percent(stats.value_at_risk(returns, 0.95)),
        shortfall_95_percent=percent(stats.expected_shortfall(returns, 0.95)),
        risk_99_percent=percent(stats.value_at_risk(returns, 0.99)),
        shortfall_99_percent=percent(stats.expected_shortfall(returns, 0.99)),
        up_days_percent=percent(ratio(int((returns > 0.0).sum()), len(returns))),
        up_months_percent=percent(ratio(int((months > 0.0).sum()), len(months))),
        best_month_percent=float(months.max()) if len(months) else None,
        worst_month_percent=float(months.min()) if len(months) else None,
    )


def drawdown_metrics(curve: Curve, balances: FloatArray) -> DrawdownMetrics:
    """Drawdowns of the equity, and of the balance after each trade."""
    found = stats.drawdown_episodes(curve.time, curve.equity, curve.start)
    order = np.arange(len(balances), dtype=np.int64)
    balance = stats.deepest_drawdown(order, balances, curve.start)
    falls = stats.drawdowns_of(curve.daily)
    return DrawdownMetrics(
        count=found.count,
        mean_days=ratio(found.seconds / DAY, found.count),
        recovery_days=_recovery(found.worst[0]) if found.worst else None,
        current_percent=percent(falls[-1]) if len(falls) else None,
        absolute=stats.absolute_drawdown(curve.equity, curve.start),
        conditional_percent=percent(stats.conditional_drawdown(curve.daily)),
        balance=balance.money,
        balance_percent=percent(balance.share),
    )


def _recovery(episode: Episode) -> float | None:
    """Days from the trough until the peak was reached again."""
    return None if episode.end is None else (episode.end - episode.trough) / DAY


def periods_of(curve: Curve, unit: str) -> tuple[Period, ...]:
    """Returns by month (unit M) or year (Y), by the UTC date of each day's last bar.

    The first and the last one may be incomplete. None at all when the equity was lost on the way.
    """
    growth = 1.0 + stats.daily_returns(curve.daily)
    if not len(growth):
        return ()
    dates = curve.time[curve.days].astype("datetime64[s]").astype(f"datetime64[{unit}]")
    first = np.flatnonzero(np.append(True, dates[1:] != dates[:-1]))
    found = 100.0 * (np.multiply.reduceat(growth, first) - 1.0)
    return tuple(Period(str(dates[k]), float(r)) for k, r in zip(first, found, strict=True))
