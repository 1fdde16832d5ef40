"""A strategy whose signals are written down in a candle table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from tests.engine.tables import Setup, read
from trading.engine.backtest import BacktestRequest, Result, Terms, backtest
from trading.engine.strategies.base import Params, Strategy
from trading.engine.types import Bars, Signals

Change = Callable[[Terms], Terms]


class Script(Strategy):
    """Wants what it was told, whatever the bars."""

    kind: ClassVar[str] = "script"
    label: ClassVar[str] = "Script"
    params_type: ClassVar[type[Params]] = Params

    def __init__(self, signals: Signals, warmup: int = 0) -> None:
        self.params = Params()
        self._signals = signals
        self._warmup = warmup

    @property
    def warmup(self) -> int:
        return self._warmup

    def signals(self, bars: Bars) -> Signals:
        return self._signals


def terms_of(setup: Setup) -> Terms:
    return Terms(
        instrument=setup.instrument,
        costs=setup.costs,
        conversion=setup.conversion,
        balance=setup.balance,
        leverage=setup.leverage,
        sizing=setup.sizing,
        limits=setup.limits,
    )


def played(table: str, setup: Setup | None = None, *, start: int = 0, **more: object) -> Result:
    """A backtest of a table; `more` are terms."""
    setup = setup or Setup()
    bars, signals = read(table, setup)
    terms = replace(terms_of(setup), **more)  # type: ignore[arg-type]
    return backtest(BacktestRequest(Script(signals), bars, terms, start))
