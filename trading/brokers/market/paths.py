"""How simulated prices come about: a pure function of (seed, symbol, session).

Two levels. A table of days, one row per session since 2000, holds where each session opens and
closes and how lively it is: regimes of volatility, a slow drift, fat-tailed shocks, weekend gaps,
and a pull back to the starting price over the years. Inside a session a random walk of ticks is
bent to end where the table says; on its way it passes through stretches that trend and stretches
that come back, so that rules for either find work.

Every draw comes from a counter-based generator (Philox) addressed by seed, symbol, session and
purpose, so no draw depends on what was asked before. The prices are made up: what a strategy
earns on them says nothing about a real market.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from trading.brokers.market.sessions import (
    SESSION_SECONDS,
    SESSIONS_A_WEEK,
    session_opens,
)
from trading.brokers.market.symbols import SimulatedSymbol
from trading.engine.types import FloatArray

Int32Array = npt.NDArray[np.int32]

# Sub-streams of the generator.
_REGIME, _SHOCK, _DRIFT, _GAP, _SESSION = range(5)

# Activity of each hour after 17:00 New York: Asia is quiet, London and New York are lively.
_HOURS: Final = np.array(
    [
        [0.35, 0.45, 0.55, 0.75, 0.75, 0.70, 0.60, 0.55, 0.60, 0.80, 1.25, 1.45],
        [1.40, 1.20, 1.10, 1.50, 1.80, 1.75, 1.50, 1.15, 0.95, 0.80, 0.70, 0.45],
    ]
).reshape(-1)
ACTIVITY: Final = np.repeat(_HOURS / _HOURS.mean(), SESSION_SECONDS // len(_HOURS))
"""Per second of a session, 1 on average."""
TICK_CHANCE: Final = np.clip(0.40 * ACTIVITY, 0.15, 0.75)
"""That a second brings a tick: one every 1.3 to 6.7 seconds."""

CALM, NORMAL, STORMY = 0.6, 1.0, 1.8  # volatility of a day against the typical one
_WORSE: Final = {CALM: NORMAL, NORMAL: STORMY, STORMY: STORMY}
_BETTER: Final = {CALM: CALM, NORMAL: CALM, STORMY: NORMAL}
_CHANGE: Final = 0.06  # chance of a worse day, and of a better one
_RETURN: Final = 0.004  # pull to the starting price per day: half of the way in 170 days
_DRIFT_MEMORY: Final = 0.93
_DRIFT_PUSH: Final = 0.06  # in days' volatility
_WEEKEND_GAP: Final = 0.35  # in days' volatility
_NIGHT_GAP: Final = 0.01

_STRETCHES: Final = 20  # of one temper each, per session
_TREND_CHANCE: Final = 0.40
_RANGE_CHANCE: Final = 0.35
_TREND: Final = (1.0, 2.3)  # net move of a trending stretch, in its own volatility
_RANGE: Final = 0.25

_ROLLOVER_PEAK: Final = (3.0, 8.0)  # times the usual spread
_ROLLOVER_SECONDS: Final = 300  # of full width on either side of 17:00
_ROLLOVER_FADE: Final = 420.0
_OPENING_FADE: Final = 1800.0  # of the first session of a week


@dataclass(frozen=True, slots=True, eq=False)
class DayTable:
    """One row per session: log of open and close against the starting price, volatility."""

    opens: FloatArray
    closes: FloatArray
    volatility: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SessionTicks:
    """The ticks of a session: second of the session, bid and spread in ticks, oldest first."""

    seconds: Int32Array
    bids: Int32Array
    spreads: Int32Array


def day_table(seed: int, spec: SimulatedSymbol) -> DayTable:
    """All sessions of a symbol, in about 20 ms."""
    count = len(session_opens())
    temper = _tempers(_generator(seed, spec.name, _REGIME).random(count))
    shocks = _fat_tailed(_generator(seed, spec.name, _SHOCK), count)
    pushes = _generator(seed, spec.name, _DRIFT).standard_normal(count) * _DRIFT_PUSH
    gaps = _fat_tailed(_generator(seed, spec.name, _GAP), count) * temper
    gaps *= np.where(np.arange(count) % SESSIONS_A_WEEK == 0, _WEEKEND_GAP, _NIGHT_GAP)
    level = drift = 0.0
    opens, closes = [], []
    for gap, shock, push in zip(
        gaps.tolist(), (shocks * temper).tolist(), pushes.tolist(), strict=True
    ):
        opens.append(level + gap * spec.volatility)
        drift = _DRIFT_MEMORY * drift + push
        level += (gap + shock + drift) * spec.volatility - _RETURN * level
        closes.append(level)
    return DayTable(np.array(opens), np.array(closes), temper * spec.volatility)


def session_ticks(seed: int, spec: SimulatedSymbol, table: DayTable, session: int) -> SessionTicks:
    """The ticks of one session, in about 3 ms."""
    rng = _generator(seed, spec.name, _SESSION, session)
    seconds = np.flatnonzero(rng.random(SESSION_SECONDS) < TICK_CHANCE)
    move = float(table.closes[session] - table.opens[session])
    path = table.opens[session] + _walk(rng, seconds, float(table.volatility[session]), move)
    scale = float(spec.start_price / spec.instrument.tick_size)
    bids = np.maximum(np.rint(np.exp(path) * scale), 1)
    liveliness = float(table.volatility[session]) / spec.volatility
    factor = _spread_factor(rng, seconds, opens_week=session % SESSIONS_A_WEEK == 0)
    spreads = np.maximum(np.rint(spec.spread * max(1.0, liveliness) * factor), 1)
    return SessionTicks(seconds.astype(np.int32), bids.astype(np.int32), spreads.astype(np.int32))


def _generator(seed: int, symbol: str, purpose: int, session: int = 0) -> np.random.Generator:
    name = int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "little")
    key = np.array([seed, name], np.uint64)
    counter = np.array([0, 0, session, purpose], np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


def _tempers(draws: FloatArray) -> FloatArray:
    """A chain of calm, normal and stormy days."""
    temper, chain = NORMAL, []
    for draw in draws.tolist():
        if draw < _CHANGE:
            temper = _WORSE[temper]
        elif draw > 1 - _CHANGE:
            temper = _BETTER[temper]
        chain.append(temper)
    return np.array(chain)


def _fat_tailed(rng: np.random.Generator, count: int) -> FloatArray:
    """Student's t with five degrees of freedom, variance 1, cut at six deviations."""
    return np.asarray(np.clip(rng.standard_t(5, count) / np.sqrt(5 / 3), -6, 6))


def _walk(
    rng: np.random.Generator, seconds: npt.NDArray[np.intp], volatility: float, move: float
) -> FloatArray:
    """Log prices after each tick, from 0 before the first to `move` at the last.

    A free walk whose variance follows the hours, bent in the time of its own variance: a line
    through the ends of the stretches is added, so it ends each of them where it was drawn to.
    """
    cuts = np.sort(rng.random(_STRETCHES - 1)) * SESSION_SECONDS
    stretch = np.searchsorted(cuts, seconds)
    heat = np.exp(0.6 * rng.standard_normal(_STRETCHES))
    variance = np.diff(seconds, prepend=-1) * ACTIVITY[seconds] * heat[stretch]
    variance *= volatility**2 / variance.sum()
    jump = 1.0 + 3.0 * (rng.random(len(seconds)) < 0.004)
    walk = np.cumsum(np.sqrt(variance) * rng.standard_normal(len(seconds)) * jump)
    clock = np.cumsum(variance)
    last = np.searchsorted(stretch, np.arange(_STRETCHES), side="right")
    clock_ends, walk_ends = np.append(0.0, clock)[last], np.append(0.0, walk)[last]
    goals = np.cumsum(_net_moves(rng) * np.sqrt(np.diff(clock_ends, prepend=0.0)))
    goals += (move - goals[-1]) * clock_ends / clock_ends[-1]
    bend = np.append(0.0, goals - walk_ends)
    return np.asarray(walk + np.interp(clock, np.append(0.0, clock_ends), bend))


def _net_moves(rng: np.random.Generator) -> FloatArray:
    """Where each stretch of a session goes, in its own volatility."""
    kind = rng.random(_STRETCHES)
    trend = rng.uniform(*_TREND, _STRETCHES) * rng.choice([-1.0, 1.0], _STRETCHES)
    free = rng.standard_normal(_STRETCHES)
    return np.where(
        kind < _TREND_CHANCE,
        trend,
        np.where(kind < _TREND_CHANCE + _RANGE_CHANCE, _RANGE * free, free),
    )


def _spread_factor(
    rng: np.random.Generator, seconds: npt.NDArray[np.intp], *, opens_week: bool
) -> FloatArray:
    """The spread against the typical one: by hour, rollover, opening of the week, and noise."""
    by_hour = np.clip(ACTIVITY[seconds] ** -0.4, 0.8, 1.6)
    peaks = rng.uniform(*_ROLLOVER_PEAK, 2)
    fade = _OPENING_FADE if opens_week else _ROLLOVER_FADE
    after = np.exp(-np.maximum(seconds - _ROLLOVER_SECONDS, 0) / fade)
    left = SESSION_SECONDS - seconds
    before = np.exp(-np.maximum(left - _ROLLOVER_SECONDS, 0) / _ROLLOVER_FADE)
    wide = 1 + (peaks[0] - 1) * after + (peaks[1] - 1) * before
    noise = np.exp(0.15 * rng.standard_normal(len(seconds)))
    return np.asarray(np.maximum(by_hour, wide) * noise)
