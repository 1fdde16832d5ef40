"""Walk-forward: choose parameters on one stretch of history, trade the next, move on.

Every choice is made on bars that end before its test begins; what the tests earned, one after the
other on one account, is the only equity here that nobody has seen before. Each training and each
test is a run of its own: positions are closed at its end, and what a strategy already wanted at its
start is not entered late.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from trading.engine.backtest import Stage, Terms, days_of
from trading.engine.metrics import Curve, Metrics, metrics_of
from trading.engine.metrics.equity import growth_of
from trading.engine.metrics.figures import DAY, percent
from trading.engine.stats import cagr, mean_of, ratio
from trading.engine.strategies.base import Strategy
from trading.engine.sweep import Batch, SweepRow, batches_of, row_of, stage_for
from trading.engine.trades import Trades, trades_join, trades_of
from trading.engine.types import Bars, EngineError, FloatArray

Score = Callable[[SweepRow], float | None]


def by_sharpe(row: SweepRow) -> float | None:
    """The score of a training run: its Sharpe ratio."""
    return row.sharpe


def highest(scores: FloatArray) -> int | None:
    """The place of the highest score; None where all are undefined (NaN)."""
    return None if np.isnan(scores).all() else int(np.nanargmax(scores))


@dataclass(frozen=True, slots=True)
class Window:
    """Rows [train, train_stop) to choose on and [test, stop) to trade."""

    train: int
    train_stop: int
    test: int
    stop: int


@dataclass(frozen=True, slots=True)
class Scheme:
    """How history is cut, in bars, and how a choice is made.

    A test is `test` bars long; the `train` bars before it, or all of them (`expanding`), are its
    training, less the last `purge` ones, as many as a label or a position lasts, and `embargo`
    more.
    `choose` picks a place among the scores of a training, NaN where undefined.
    """

    train: int
    test: int
    expanding: bool = False
    purge: int = 0
    embargo: int = 0
    score: Score = by_sharpe
    choose: Callable[[FloatArray], int | None] = highest

    def __post_init__(self) -> None:
        if self.test < 2 or min(self.purge, self.embargo) < 0 or self.train - self.gap < 2:
            raise EngineError(
                f"Expected a test of 2 bars, and as many to train on without purge and embargo,"
                f" was {self.test} and {self.train} - {self.gap}"
            )

    @property
    def gap(self) -> int:
        return self.purge + self.embargo

    def windows(self, first: int, rows: int) -> Iterator[Window]:
        """All windows over rows [first, rows); the last test may be short."""
        for test in range(first + self.train, rows - 1, self.test):
            train = first if self.expanding else test - self.train
            yield Window(train, test - self.gap, test, min(test + self.test, rows))


@dataclass(frozen=True, slots=True)
class Step:
    """One window: the place of the strategy chosen, and what it did before and after.

    Nothing was chosen where no score was defined; nothing was traded then.
    """

    window: Window
    chosen: int | None
    train: SweepRow | None
    test: SweepRow | None


@dataclass(frozen=True, eq=False)
class WalkForward:
    """What was found: the steps, and the trades and the equity of all tests on one account."""

    steps: tuple[Step, ...]
    scores: FloatArray
    """Of every training: a row per window and a column per strategy, NaN where undefined."""
    trades: Trades
    curve: Curve
    metrics: Metrics
    inside_percent: float | None
    """Mean annual return of the trainings that were chosen by ..."""
    outside_percent: float | None
    """... and annual return of their tests."""

    @property
    def trials(self) -> int:
        """Runs that the choices were made among: what a tally of trials grows by."""
        return self.scores.size

    @property
    def efficiency(self) -> float | None:
        """Annual return of the tests / that of the trainings; None unless those gained."""
        return ratio(self.outside_percent, self.inside_percent or 0.0)

    @property
    def gained_percent(self) -> float | None:
        """Share of the windows traded whose test gained."""
        tests = [step.test for step in self.steps if step.test is not None]
        return ratio(100.0 * sum(test.net_profit > 0.0 for test in tests), len(tests))


def walk_forward(
    strategies: Sequence[Strategy],
    bars: Bars,
    terms: Terms,
    scheme: Scheme,
    *,
    workers: int | None = None,
) -> WalkForward:
    """Choose among `strategies` in every window on `workers` threads (default: one per core).

    EngineError as in `backtest`, and where no window fits. An account that is lost ends the walk.
    """
    whole = stage_for(strategies, bars, terms)
    windows = list(scheme.windows(whole.start, len(bars)))
    if not windows:
        need = whole.start + scheme.train + 2
        raise EngineError(f"Expected at least {need} bars for one window, was {len(bars)}")
    stages = [whole.window(window.train, window.train_stop) for window in windows]
    rows = _trained(strategies, bars, stages, workers)
    scores = np.array([[_score(scheme, row) for row in line] for line in rows])
    account = _Account(whole, strategies, bars)
    steps = []
    for window, line, values in zip(windows, rows, scores, strict=True):
        if account.balance <= 0:
            break
        chosen = scheme.choose(values)
        train = None if chosen is None else line[chosen]
        steps.append(Step(window, chosen, train, account.trade(window, chosen)))
    return _result(tuple(steps), scores, account, bars)


def _score(scheme: Scheme, row: SweepRow) -> float:
    score = scheme.score(row)
    return np.nan if score is None else score


def _trained(
    strategies: Sequence[Strategy], bars: Bars, stages: Sequence[Stage], workers: int | None
) -> list[list[SweepRow]]:
    """A row of metrics per window and strategy; studies are made once for all windows."""
    workers = workers or os.cpu_count() or 1
    found: dict[tuple[int, int], SweepRow] = {}

    def run(batch: Batch) -> None:
        for places, tapes in batch.plays(bars):
            for k, stage in enumerate(stages):
                for place, tape in zip(places, tapes(stage), strict=True):
                    found[k, place] = row_of(stage.play(tape), stage)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, batches_of(strategies, workers)))
    return [[found[k, place] for place in range(len(strategies))] for k in range(len(stages))]


class _Account:
    """Trades one test after the other, each with the balance that the one before left."""

    def __init__(self, whole: Stage, strategies: Sequence[Strategy], bars: Bars) -> None:
        self.whole, self._strategies, self._bars = whole, strategies, bars
        self.balance = whole.terms.balance
        self.trades: list[Trades] = []
        self.offsets: list[int] = []
        self.equity: list[FloatArray] = []

    def trade(self, window: Window, chosen: int | None) -> SweepRow | None:
        """Follow the chosen strategy through a test; without one the equity stands still."""
        if chosen is None:
            self.equity.append(np.full(window.stop - window.test, float(self.balance)))
            return None
        stage = self.whole.window(window.test, window.stop, self.balance)
        ((_, tapes),) = Batch([chosen], [self._strategies[chosen]]).plays(self._bars)
        (tape,) = tapes(stage)
        output = stage.play(tape)
        self.trades.append(trades_of(output, tape, stage.contract, stage.terms.instrument))
        self.offsets.append(window.test)
        self.equity.append(output.equity)
        self.balance = Decimal(f"{output.equity[-1]:.2f}")
        return row_of(output, stage)


def _result(
    steps: tuple[Step, ...], scores: FloatArray, account: _Account, bars: Bars
) -> WalkForward:
    whole, first = account.whole, steps[0].window.test
    time, equity = bars.time[first : steps[-1].window.stop], np.concatenate(account.equity)
    curve = Curve(time, equity, days_of(time, whole.terms), float(whole.terms.balance))
    offsets = [row - first for row in account.offsets]
    trades = trades_join(account.trades, offsets)
    inside = [
        annual
        for step in steps
        if step.train is not None and (annual := _annual(step, bars)) is not None
    ]
    outside = growth_of(curve)
    return WalkForward(
        steps=steps,
        scores=scores,
        trades=trades,
        curve=curve,
        metrics=metrics_of(curve, trades, whole.terms.zone),
        inside_percent=percent(mean_of(np.array(inside))),
        outside_percent=percent(outside),
    )


def _annual(step: Step, bars: Bars) -> float | None:
    """Annual return of a training."""
    assert step.train is not None, "only windows with a choice have a training that counts"
    seconds = bars.time[step.window.train_stop - 1] - bars.time[step.window.train]
    return cagr(1.0, 1.0 + step.train.return_percent / 100.0, float(seconds) / DAY)
