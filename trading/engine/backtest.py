"""A strategy over history: bars -> signals -> simulator -> trades, equity and metrics.

Nothing here is random: the same bars and the same request give the same result to the byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final

import numpy as np

from trading.engine import fills, tape
from trading.engine.metrics import Curve, Metrics, metrics_of
from trading.engine.risk import Limits
from trading.engine.risk.days import NEW_YORK, ROLLOVER
from trading.engine.simulator import simulate
from trading.engine.sizing import SizingRule
from trading.engine.sizing.measures import measures
from trading.engine.stats import day_ends, resets
from trading.engine.strategies.base import AtrStrategy, Strategy, Study, no_column
from trading.engine.tape import Output, Tape
from trading.engine.ticks import spreads_in, ticks_of
from trading.engine.trades import Trades, trades_of
from trading.engine.types import (
    Bars,
    Conversion,
    Costs,
    EngineError,
    FloatArray,
    Instrument,
    IntArray,
    SideArray,
    Signals,
)

FEW_TRADES: Final = 30


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The account and the market a strategy is tried on.

    `rates` holds, for each bar, what a unit of profit currency was worth in account currency at its
    open; without it `conversion` holds for all of history. The days that returns are measured by
    begin at `reset` on the clock of `zone`; swap is booked at 17:00 New York whatever it is.
    """

    instrument: Instrument
    costs: Costs = Costs()
    conversion: Conversion = Conversion()
    rates: FloatArray | None = None
    currency: str = "USD"
    balance: Decimal = Decimal(10_000)
    leverage: int = 30
    sizing: SizingRule = SizingRule()
    limits: Limits = Limits()
    reset: time = ROLLOVER
    zone: str = NEW_YORK

    def __post_init__(self) -> None:
        for name in ("balance", "leverage"):
            value = getattr(self, name)
            if not (Decimal(value).is_finite() and value > 0):
                raise EngineError(f"Expected {name} > 0, was {value}")


@dataclass(frozen=True, slots=True, eq=False)
class BacktestRequest:
    """A strategy, bars and terms; rows before `start` only warm the strategy up."""

    strategy: Strategy
    bars: Bars
    terms: Terms
    start: int = 0


@dataclass(frozen=True, eq=False)
class Result:
    """What a backtest found. Arrays begin with the first bar that could be acted upon."""

    trades: Trades
    curve: Curve
    metrics: Metrics
    denials: Mapping[str, int]
    """Entries that a limit forbade, by code; codes that did not occur are left out."""
    settings: Mapping[str, object]
    warnings: tuple[str, ...]

    def as_dict(self, *, rows: bool = False) -> dict[str, object]:
        """Ready for JSON; with `rows` also every trade and the equity at each day's end."""
        content: dict[str, object] = {
            "settings": self.settings,
            "metrics": _rounded(asdict(self.metrics)),
            "denials": self.denials,
            "warnings": self.warnings,
        }
        if rows:
            days = self.curve.time[self.curve.days].tolist()
            equity = np.round(self.curve.equity[self.curve.days], 2).tolist()
            content["trades"] = self.trades.records(int(str(self.settings["digits"])))
            content["daily_equity"] = [list(day) for day in zip(days, equity, strict=True)]
        return content

    def to_json(self, *, rows: bool = False) -> str:
        """The same result is the same text."""
        return json.dumps(self.as_dict(rows=rows), sort_keys=True, allow_nan=False)


class Stage:
    """Everything of a run but the strategy, prepared once for any number of runs.

    Rows [start, stop) of the bars are acted upon; those before only warm strategies up.
    """

    def __init__(self, bars: Bars, terms: Terms, start: int) -> None:
        self._ticks = ticks_of(bars, float(terms.instrument.tick_size))
        self._rates = _rates_of(terms, len(bars))
        seconds = int(np.diff(bars.time[start:]).min())
        self._measure = measures(terms.sizing, self._ticks.rows, seconds)
        self._set(terms, start, len(bars))

    def _set(self, terms: Terms, start: int, stop: int) -> None:
        self.terms, self.start, self.stop = terms, start, stop
        instrument, conversion = terms.instrument, terms.conversion
        self.bars = self._ticks.between(start, stop)
        self.contract = fills.contract_of(instrument, terms.costs, conversion, terms.leverage)
        self.rules = tape.rules_of(instrument, terms.limits, terms.balance, terms.sizing)
        self.calendar = tape.calendar_of(self.bars.time, instrument.triple_swap_weekday)
        self.rates = _between(start, stop, self._rates)
        self.measure = _between(start, stop, self._measure)
        self.days = days_of(self.bars.time, terms)

    def window(self, start: int, stop: int, balance: Decimal | None = None) -> Stage:
        """The same over rows [start, stop) of all bars, begun with another balance."""
        found = copy(self)
        terms = self.terms if balance is None else replace(self.terms, balance=balance)
        found._set(terms, start, stop)
        return found

    def tape_of(self, signals: Signals) -> Tape:
        """The part of the history that is acted upon; `signals` are those of all bars."""
        cut = slice(self.start, self.stop)
        side = _fresh_from(signals.side[: self.stop], self.start)
        names = ("stop", "take", "trail", "entry", "score")
        rest = (getattr(signals, name)[cut] for name in names)
        return tape.tape_of(self.bars, Signals(side, *rest), self.rates, self.measure)

    def tapes_of(self, strategies: Sequence[Strategy], bars: Bars) -> Iterator[Tape]:
        """A tape for each of some strategies that can share a study of all `bars`.

        Where distances are multiples of the range its column is played, scaled: the simulator
        multiplies the few values it needs.
        """
        first = strategies[0]
        if isinstance(first, AtrStrategy):
            yield from self.tapes_from(first.study(bars), strategies)
        else:
            yield from (self.tape_of(strategy.signals(bars)) for strategy in strategies)

    def tapes_from(self, study: Study, strategies: Sequence[Strategy]) -> Iterator[Tape]:
        """As `tapes_of`, from the study of all bars."""
        nothing = no_column(len(study.side))
        none = (nothing, nothing, nothing)
        shared = self.tape_of(Signals(study.side, study.range, *none, study.score))
        for strategy in strategies:
            assert isinstance(strategy, AtrStrategy), "strategies that share a study are of a kind"
            take, trail = strategy.params.take_atr, strategy.params.trail_atr
            band = shared._replace(stop_scale=strategy.params.stop_atr)
            band = band._replace(take=shared.stop, take_scale=take) if take else band
            yield band._replace(trail=shared.stop, trail_scale=trail) if trail else band

    def play(self, band: Tape) -> Output:
        """Simulate a tape; other Python threads run meanwhile."""
        return simulate(band, self.contract, self.rules, self.calendar)

    def curve(self, equity: FloatArray) -> Curve:
        return Curve(self.bars.time, equity, self.days, float(self.terms.balance))


def backtest(request: BacktestRequest) -> Result:
    """Run a strategy over history. EngineError says what is wrong with the request or its bars."""
    strategy, terms = request.strategy, request.terms
    start = first_row(strategy, len(request.bars), request.start)
    stage = Stage(request.bars, terms, start)
    (band,) = stage.tapes_of([strategy], request.bars)
    output = stage.play(band)
    trades = trades_of(output, band, stage.contract, terms.instrument)
    curve = stage.curve(output.equity)
    return Result(
        trades=trades,
        curve=curve,
        metrics=metrics_of(curve, trades, terms.zone),
        denials=_denials_of(output),
        settings=_settings_of(request, stage),
        warnings=tuple(_warnings_of(stage, trades, output)),
    )


def first_row(strategy: Strategy, rows: int, start: int = 0) -> int:
    """The first row whose close may be acted upon; EngineError when no bar follows it."""
    first = max(start, strategy.warmup)
    if rows < first + 2:
        raise EngineError(
            f"Expected at least {first + 2} bars ({strategy.warmup} warm {strategy.kind} up), "
            f"was {rows}"
        )
    return first


def _fresh_from(side: SideArray, start: int) -> SideArray:
    """The sides from row `start` on. What was wanted before is not entered late, as in `decide`."""
    rest = side[start:]
    held = side[start - 1] if start > 0 else 0
    if held == 0 or rest[0] != held:
        return rest
    changed = np.flatnonzero(rest != held)
    rest = rest.copy()
    rest[: changed[0] if len(changed) else len(rest)] = 0
    return rest


def _rates_of(terms: Terms, rows: int) -> FloatArray:
    """What profit is worth: one value for all, or one per bar."""
    if terms.rates is None:
        return np.array([float(terms.conversion.rate)])
    if len(terms.rates) != rows:
        raise EngineError(f"Expected {rows} rates, one per bar, was {len(terms.rates)}")
    if not (np.isfinite(terms.rates) & (terms.rates > 0.0)).all():
        raise EngineError("Expected rates above 0, was one that is not")
    return terms.rates


def _between(start: int, stop: int, column: FloatArray) -> FloatArray:
    """A column's rows that are acted upon, or its one value for all."""
    return column[start:stop] if len(column) > 1 else column


def days_of(time: IntArray, terms: Terms) -> IntArray:
    """The rows that end a day of the account."""
    first, last = (int(time[k]) for k in (0, -1)) if len(time) else (0, 0)
    return day_ends(time, resets(first, last, terms.reset, terms.zone))


def _denials_of(output: Output) -> dict[str, int]:
    counts = zip(tape.DENIAL_CODES, output.denials.tolist(), strict=True)
    return {code: count for code, count in counts if count}


def _settings_of(request: BacktestRequest, stage: Stage) -> dict[str, object]:
    """The request in words and numbers, as it stands in reports."""
    strategy, terms, instrument = request.strategy, request.terms, request.terms.instrument
    exponent = int(instrument.tick_size.normalize().as_tuple().exponent)
    first, last = (datetime.fromtimestamp(int(t), UTC) for t in stage.bars.time[[0, -1]])
    return {
        "strategy": strategy.kind,
        "params": asdict(strategy.params),
        "symbol": instrument.symbol,
        "digits": max(0, -exponent),
        "from": first.isoformat(),
        "to": last.isoformat(),
        "bars": len(stage.bars.time),
        "warm_up_bars": stage.start,
        "days": f"{terms.reset:%H:%M} {terms.zone}",
        "currency": terms.currency,
        "conversion": _conversion_text(terms),
        "balance": f"{terms.balance.normalize():f}",
        "leverage": terms.leverage,
        "sizing": terms.sizing.settings,
        "limits": {name: str(v) for name, v in asdict(terms.limits).items() if v is not None},
        "commission_per_lot": f"{terms.costs.commission_per_lot.normalize():f}",
        "slippage_ticks": terms.costs.slippage_ticks,
        "mean_spread_ticks": round(spreads_in(stage.bars.rows)[0] / len(stage.bars.time), 4),
        "swap_long": f"{instrument.swap_long.normalize():f}",
        "swap_short": f"{instrument.swap_short.normalize():f}",
    }


def _conversion_text(terms: Terms) -> str:
    if terms.rates is not None:
        return "history"
    return "1 / price" if terms.conversion.inverse else str(terms.conversion.rate)


def _warnings_of(stage: Stage, trades: Trades, output: Output) -> list[str]:
    """What a reader must know before believing the numbers."""
    found = []
    spreadless = spreads_in(stage.bars.rows)[1] / len(stage.bars.time)
    if spreadless:
        found.append(f"{spreadless:.0%} of the bars have no spread: trading is too cheap there")
    if len(trades) < FEW_TRADES:
        found.append(f"{len(trades)} trades are too few to conclude anything")
    if (trades.reason == tape.STOP_OUT).any():
        found.append("The broker stopped the account out: the risk was too large")
    if output.denials.any():
        counts = ", ".join(f"{code} {count}" for code, count in _denials_of(output).items())
        found.append(f"Entries were refused: {counts}")
    return found


def _rounded(value: object) -> object:
    """Floats to ten significant digits, so that the last bits do not show."""
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return value
