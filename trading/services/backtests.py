"""Backtests asked for by name: strategy, symbol and history come from the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import numpy as np

from trading.engine import strategies
from trading.engine.backtest import BacktestRequest, Result, Terms, backtest
from trading.engine.bars import timeframe_seconds
from trading.engine.conversion import Leg, check_known, rates_known
from trading.engine.sizing import SizingRule
from trading.engine.strategies.base import Strategy as Rule
from trading.engine.types import (
    TIMEFRAMES,
    Bars,
    Conversion,
    Costs,
    EngineError,
    Instrument,
    IntArray,
)
from trading.models import Strategy, Symbol
from trading.selectors.bars import bars_between, symbol_get


@dataclass(frozen=True, slots=True)
class BacktestSpec:
    """What to test, in UTC without `end`; None = as the symbol or its history has it."""

    strategy: str
    """A kind of the registry or the name of a strategy."""
    symbol: str
    timeframe: str
    start: datetime | None = None
    end: datetime | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    """Override those of the strategy."""
    spread_ticks: int | None = None
    commission_per_lot: Decimal | None = None
    slippage_ticks: int | None = None
    conversion: Decimal | None = None
    """Account currency per unit of profit currency for all of history."""
    currency: str = "USD"
    balance: Decimal = Decimal(10_000)
    leverage: int = 30
    sizing: SizingRule = SizingRule()


def backtest_run(*, spec: BacktestSpec) -> Result:
    """Test a strategy over the history of a symbol.

    EngineError or SymbolUnknown (LookupError) says what is missing or wrong.
    """
    symbol = symbol_get(name=spec.symbol)
    strategy = _strategy_of(spec)
    bars = _bars_of(spec, symbol)
    start = 0 if spec.start is None else int(np.searchsorted(bars.time, spec.start.timestamp()))
    start = max(start, strategy.warmup)
    terms = Terms(
        instrument=symbol.instrument(),
        costs=_costs_of(spec, symbol),
        currency=spec.currency,
        balance=spec.balance,
        leverage=spec.leverage,
        sizing=spec.sizing,
    )
    terms = _converted(terms, spec, symbol, bars.time, start)
    return backtest(BacktestRequest(strategy, bars, terms, start))


def _strategy_of(spec: BacktestSpec) -> Rule:
    """The strategy with the asked-for parameters over its own."""
    if spec.strategy in strategies.REGISTRY:
        return strategies.build(spec.strategy, spec.params)
    row = Strategy.objects.filter(name=spec.strategy).first()
    if row is None:
        kinds = ", ".join(sorted(strategies.REGISTRY))
        names = ", ".join(Strategy.objects.values_list("name", flat=True)[:20]) or "none"
        raise EngineError(
            f"Expected a kind of strategy ({kinds}) or the name of one ({names}),"
            f" was {spec.strategy!r}"
        )
    return strategies.build(row.kind, {**row.params, **spec.params})


def _bars_of(spec: BacktestSpec, symbol: Symbol) -> Bars:
    """All history up to the end: what lies before the start warms the strategy up."""
    bars = bars_between(symbol=symbol, timeframe=spec.timeframe, end=spec.end)
    last = None if spec.start is None else spec.start.timestamp()
    if not len(bars) or (last is not None and bars.time[-1] < last):
        until = "" if spec.end is None else f" before {spec.end:%Y-%m-%d %H:%M}"
        since = "" if spec.start is None else f" since {spec.start:%Y-%m-%d %H:%M}"
        raise EngineError(
            f"Expected bars of {symbol} {spec.timeframe}{since}{until}, was none;"
            " import history with: manage.py importcandles"
        )
    if spec.spread_ticks is None:
        return bars
    if spec.spread_ticks < 0:
        raise EngineError(f"Expected a spread >= 0 ticks, was {spec.spread_ticks}")
    spread = float(spec.spread_ticks * symbol.tick_size)
    return replace(bars, spread=np.full(len(bars), spread))


def _costs_of(spec: BacktestSpec, symbol: Symbol) -> Costs:
    commission, slippage = spec.commission_per_lot, spec.slippage_ticks
    costs = Costs(
        symbol.commission_per_lot if commission is None else commission,
        symbol.slippage_ticks if slippage is None else slippage,
    )
    if not (costs.commission_per_lot.is_finite() and costs.commission_per_lot >= 0):
        raise EngineError(f"Expected a commission >= 0, was {costs.commission_per_lot}")
    if costs.slippage_ticks < 0:
        raise EngineError(f"Expected slippage >= 0 ticks, was {costs.slippage_ticks}")
    return costs


def _converted(
    terms: Terms, spec: BacktestSpec, symbol: Symbol, time: IntArray, start: int
) -> Terms:
    """The terms with what profit is worth: by rule, as given, or from history from `start` on."""
    instrument = terms.instrument
    if spec.conversion is not None:
        if not (spec.conversion.is_finite() and spec.conversion > 0):
            raise EngineError(f"Expected a conversion > 0, was {spec.conversion}")
        return replace(terms, conversion=Conversion(rate=spec.conversion))
    if instrument.profit_currency == spec.currency:
        return terms
    if instrument.base_currency == spec.currency:
        return replace(terms, conversion=Conversion(inverse=True))
    rates = np.ones(len(time))
    for leg in _legs(instrument, spec, symbol):
        check_known(time[start:], leg)
        rates = rates * rates_known(time, leg)
    return replace(terms, rates=rates)


def _legs(instrument: Instrument, spec: BacktestSpec, symbol: Symbol) -> list[Leg]:
    """The history that turns profit into account currency: one pair, or two through USD."""
    profit, account = instrument.profit_currency, spec.currency
    ways = [[(profit, account)]]
    if "USD" not in (profit, account):
        ways.append([(profit, "USD"), ("USD", account)])
    for way in ways:
        legs = [_leg(origin, target, spec, symbol) for origin, target in way]
        found = [leg for leg in legs if leg is not None]
        if len(found) == len(way):
            return found
    raise EngineError(
        f"{symbol}: expected history of {profit}{account} or {account}{profit} to convert its"
        f" profit, was none; import it with manage.py importcandles, or give --conversion"
    )


def _leg(origin: str, target: str, spec: BacktestSpec, symbol: Symbol) -> Leg | None:
    """History of the pair of two currencies, of the same source, timeframe first."""
    frames = sorted(TIMEFRAMES, key=lambda frame: (frame != spec.timeframe, TIMEFRAMES[frame]))
    for base, quote in ((origin, target), (target, origin)):
        pairs = Symbol.objects.filter(
            source=symbol.source, base_currency=base, profit_currency=quote
        )
        for pair in pairs:
            for frame in frames:
                bars = bars_between(symbol=pair, timeframe=frame, end=spec.end)
                if len(bars):
                    is_inverse = (base, quote) != (origin, target)
                    return Leg(f"{pair} {frame}", bars, timeframe_seconds(frame), is_inverse)
    return None
