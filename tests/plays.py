"""Random markets, accounts and wishes for the parity proof, each from one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tests.candles import Candle, bars_from_candles
from tests.parity import Scene, Scripted, Story, simulated
from trading.engine.risk import Limits
from trading.engine.sizing import Base, Method, SizingRule, fractional
from trading.engine.strategies.base import Strategy
from trading.engine.types import (
    Bars,
    Costs,
    FloatArray,
    Instrument,
    IntArray,
    Quote,
    Signals,
)

T = TypeVar("T")


def instrument(pair: tuple[str, str], tick: str, contract: str, **more: object) -> Instrument:
    base, profit = pair
    values: dict[str, object] = {
        "volume_min": Decimal("0.01"),
        "volume_step": Decimal("0.01"),
        "volume_max": Decimal(50),
        "swap_long": Decimal("-7.1"),
        "swap_short": Decimal("2.9"),
    }
    return Instrument(
        symbol=base + profit,
        tick_size=Decimal(tick),
        contract_size=Decimal(contract),
        base_currency=base,
        profit_currency=profit,
        **{**values, **more},  # type: ignore[arg-type]
    )


@dataclass(frozen=True)
class Stage:
    """A symbol with its price level in ticks and, for crosses, the converting pair's price."""

    instrument: Instrument
    level: int
    currency: str = "USD"
    converter: tuple[str, str] | None = None


STAGES = (
    Stage(instrument(("EUR", "USD"), "0.00001", "100000"), 112_000),
    Stage(instrument(("USD", "JPY"), "0.001", "100000"), 146_000),
    Stage(instrument(("EUR", "GBP"), "0.00001", "100000"), 86_000, "USD", ("GBPUSD", "1.25")),
    Stage(instrument(("GBP", "CHF"), "0.00001", "100000"), 113_000, "USD", ("USDCHF", "0.8")),
    Stage(instrument(("XAU", "USD"), "0.01", "100", stops_level=5), 265_000),
    Stage(
        instrument(
            ("US", "EUR"), "0.25", "10", volume_min=Decimal("0.25"), volume_step=Decimal("0.1")
        ),
        20_000,
        "EUR",
    ),
)


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def limits(rng: np.random.Generator) -> Limits:
    def maybe(*values: str) -> Decimal | None:
        return Decimal(pick(rng, values)) if rng.random() < 0.3 else None

    return Limits(
        max_lots=maybe("0.05", "1.234"),
        max_spread=maybe("4", "9.5"),
        daily_loss=maybe("0.4", "2", "15"),
        margin_use=Decimal(pick(rng, ("100", "80", "80", "7.5"))),
    )


def scene_of(rng: np.random.Generator, stage: Stage) -> Scene:
    """An account, rich or poor, careful or reckless."""
    return Scene(
        instrument=stage.instrument,
        timeframe=pick(rng, ("M5", "M30", "H1")),
        costs=Costs(Decimal(pick(rng, ("0", "7.35"))), pick(rng, (0, 1, 2))),
        limits=limits(rng),
        currency=stage.currency,
        leverage=pick(rng, (30, 500, 3000)),
        balance=Decimal(pick(rng, ("487.65", "10000", "25000.01"))),
        sizing=fractional(pick(rng, ("0.37", "2", "60"))),
        first_tick=pick(rng, (0.0, 0.25, 17.0)),
    )


def rule_of(rng: np.random.Generator, balance: Decimal) -> SizingRule:
    """Any rule that a simulation can follow, bold enough to trade often."""
    method = pick(rng, list(Method))
    percent = pick(rng, ("0.5", "2", "60"))
    value = {
        Method.FIXED: pick(rng, ("0.3", "1.27")),
        Method.MONEY: str(balance * Decimal(percent) / 100),
        Method.VOLATILITY: pick(rng, ("0.7", "20", "100")),
    }.get(method, percent)
    start, end = pick(rng, ((None, None), (0, 1), (1, 20)))
    return SizingRule(
        method=method,
        value=Decimal(value),
        base=pick(rng, [base for base in Base if base is not Base.LOSS_ROOM]),
        atr_multiple=Decimal(pick(rng, ("0.37", "2", "9"))),
        window=pick(rng, (2, 7, 20)),
        start_percent=Decimal(pick(rng, ("0.3", "2"))),
        drawdown_from=None if start is None else Decimal(start),
        drawdown_to=None if end is None else Decimal(end),
        curve_factor=pick(rng, (None, None, Decimal(0), Decimal("0.5"))),
        gap_ticks=pick(rng, (0, 0, 7)),
        nights=pick(rng, (0, 0, 3)),
        max_risk_coefficient=Decimal(pick(rng, ("1", "1", "4"))),
    )


def reckless(scene: Scene) -> Scene:
    """The same account with as much on margin as the broker lets it."""
    margin = Limits(margin_use=Decimal(100))
    rule = SizingRule(Method.MONEY, Decimal(4500))
    return replace(scene, leverage=3000, sizing=rule, limits=margin, balance=Decimal(500))


STARTS = (
    datetime(2026, 3, 4, 12, tzinfo=UTC),  # a Wednesday, the week before New York changes
    datetime(2026, 3, 6, 15, tzinfo=UTC),  # a Friday, across the weekend of the change
    datetime(2026, 11, 3, 20, tzinfo=UTC),
)


def market_of(rng: np.random.Generator, stage: Stage, seconds: int, count: int) -> list[Candle]:
    """Bars with their ticks; a shorter market is the beginning of a longer one."""
    time, bid = int(pick(rng, STARTS).timestamp()), stage.level
    wild, drift = pick(rng, (0.0, 0.05)), pick(rng, (-1, 0, 0, 0, 1))
    candles = []
    for _ in range(count):
        bid += _gap(rng, wild)
        steps = rng.choice((-1, 0, 1, drift), rng.integers(0, 60))
        path = [bid, *(bid + np.cumsum(steps)).tolist()]
        shape = (path[0], max(path), min(path), path[-1])
        time -= time % seconds
        candles.append(Candle(time, *shape, pick(rng, (0, 1, 2, 5, 12)), tuple(path[1:])))
        bid = path[-1]
        time = _next_open(time, seconds, rng)
    return candles


def _gap(rng: np.random.Generator, wild: float) -> int:
    reach = 400 if rng.random() < wild else 4
    return int(rng.integers(-reach, reach + 1))


def _next_open(time: int, seconds: int, rng: np.random.Generator) -> int:
    """The next bar: mostly the following one, now and then after a hole; no weekends."""
    hole = rng.integers(1, 30) if rng.random() < 0.05 else 1
    time += seconds * int(hole)
    at = datetime.fromtimestamp(time, UTC)
    over = (
        at.weekday() == 5
        or (at.weekday() == 4 and at.hour >= 21)
        or (at.weekday() == 6 and at.hour < 22)
    )
    if not over:
        return time
    friday = time - (at.weekday() - 4) * 86400 - at.hour * 3600 - at.minute * 60
    return friday + 2 * 86400 + 22 * 3600


def rates(rng: np.random.Generator, stage: Stage, count: int) -> tuple[Quote, ...]:
    """A quote of the converting pair for every bar."""
    if stage.converter is None:
        return ()
    name, price = stage.converter
    bids = [Decimal(price) + int(k) * Decimal("0.00001") for k in rng.integers(-500, 500, count)]
    at = STARTS[0]
    return tuple(Quote(name, at, bid, bid + Decimal("0.00013")) for bid in bids)


def script(rng: np.random.Generator, bars: Bars, tick: float) -> Strategy:
    """A strategy that wants anything: sides, near and far levels, bad ones, pending entries."""
    count = len(bars)
    turns = rng.random(count) < pick(rng, (0.1, 0.5, 1.0))
    side = _held(rng.integers(-1, 2, count), turns)
    stop = _distances(rng, count, (0.02, 0.01), pick(rng, (25, 70, 500))) * tick
    take = _distances(rng, count, (0.01, 0.3), pick(rng, (25, 70, 500))) * tick
    still = pick(rng, (0.0, 0.0, 1.0))
    trail = _distances(rng, count, (0.01, still), pick(rng, (8, 25, 70))) * tick
    away: FloatArray = rng.integers(-15, 16, count) + rng.choice([0.0, 0.5], count)
    market = rng.random(count) < pick(rng, (0.0, 0.5, 1.0))
    entry = np.where(market, np.nan, bars.close + away * tick)
    rows = Signals(side.astype(np.int8), stop, take, trail, entry, np.zeros(count))
    return Scripted(bars.time.tolist(), rows)


def prophet(rng: np.random.Generator, bars: Bars, tick: float) -> Strategy:
    """A strategy that mostly knows the next three bars: what it takes to win more than costs."""
    count = len(bars)
    start = np.arange(count) // 4 * 4
    ahead = np.minimum(start + 3, count - 1)
    side = np.sign(bars.close[ahead] - bars.open[np.minimum(start + 1, count - 1)])
    side[np.repeat(rng.random(count // 4 + 1) < 0.1, 4)[:count]] *= -1
    side[start + 3 == np.arange(count)] = 0
    stop, nothing = np.full(count, 20 * tick), np.full(count, np.nan)
    columns = (stop, nothing, nothing, nothing, np.zeros(count))
    return Scripted(bars.time.tolist(), Signals(side.astype(np.int8), *columns))


def winning_play(seed: int, count: int, rule: SizingRule) -> Play:
    """A life of many trades of which most win, on an account that pays nothing but the spread."""
    rng = np.random.default_rng(seed)
    limits = Limits(margin_use=Decimal(100))
    scene = Scene(STAGES[0].instrument, "M5", limits=limits, leverage=3000, sizing=rule)
    scene = replace(scene, balance=Decimal(1000))
    candles = market_of(rng, STAGES[0], scene.seconds, count)
    bars = bars_from_candles(candles, scene.instrument.tick_size)
    return Play(scene, candles, bars, prophet(rng, bars, float(scene.instrument.tick_size)))


def _held(values: IntArray, turns: npt.NDArray[np.bool_]) -> IntArray:
    """Each value stays until the next turn."""
    at = np.maximum.accumulate(np.where(turns, np.arange(len(values)), 0))
    result: IntArray = values[at]
    return result


def _distances(
    rng: np.random.Generator, count: int, odds: tuple[float, float], reach: int
) -> FloatArray:
    """Distances in ticks, some between two ticks; zeros and NaNs with the given odds."""
    result: FloatArray = rng.integers(1, reach, count) + rng.choice([0.0, 0.3, 0.5], count)
    result[rng.random(count) < odds[0]] = 0.0
    result[rng.random(count) < odds[1]] = np.nan
    return result


@dataclass(frozen=True)
class Play:
    """One example: an account, a market, and what is wanted in it."""

    scene: Scene
    candles: list[Candle]
    bars: Bars
    strategy: Strategy

    @property
    def told(self) -> Story:
        return simulated(self.scene, self.strategy, self.bars)


def play_of(
    seed: int,
    count: int,
    *,
    strategy: Strategy | None = None,
    is_reckless: bool = False,
    is_ruled: bool = False,
) -> Play:
    """Everything from one seed; orders are scripted where no strategy is given.

    A given strategy trades with enough money to trade often; where `is_ruled`, by any sizing rule.
    """
    rng = np.random.default_rng(seed)
    stage = pick(rng, STAGES)
    scene = scene_of(rng, stage)
    candles = market_of(rng, stage, scene.seconds, count)
    bars = bars_from_candles(candles, scene.instrument.tick_size)
    scene = replace(scene, rates=rates(rng, stage, count))
    wishes = strategy or script(rng, bars, float(scene.instrument.tick_size))
    if is_reckless:
        scene = reckless(scene)
    elif strategy is not None:
        scene = replace(scene, balance=Decimal("25000.01"), sizing=fractional(2))
    if is_ruled:
        scene = replace(scene, sizing=rule_of(rng, scene.balance))
    return Play(scene, candles, bars, wishes)
