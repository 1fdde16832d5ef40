"""From the columns of a file to bars one can trust: UTC, in order, on the grid, sound prices.

A file is taken or refused as a whole. What is merely odd is left to the quality report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from trading.engine.bars import bars_take, timeframe_seconds
from trading.engine.history.files import PRICES, FileBars, FileError
from trading.engine.history.zones import UTC_ZONE, Zone, to_utc
from trading.engine.types import BAR_COLUMNS, TIMEFRAMES, Bars

Mask = npt.NDArray[np.bool_]

EARLIEST: Final = 0
LATEST: Final = 4_102_444_800  # 2100-01-01
HOUR: Final = 3600
ENOUGH: Final = 20
"""Rows from which on the usual distance between bars says what timeframe a file has."""
STRAY_SHARE: Final = 0.01
"""Bars off the grid are mistakes when they are fewer than this, else another way to cut bars."""


@dataclass(frozen=True, slots=True)
class CheckedBars:
    """Sound bars in UTC, and what was done to get them."""

    bars: Bars
    duplicates: int
    """Rows dropped because they repeat the row before."""
    ambiguous: int
    """Rows in an hour the clocks of the zone repeat."""


def checked_bars(file: FileBars, timeframe: str, zone: Zone) -> CheckedBars:
    """The bars of `file`, whose wall clock is that of `zone`; raises FileError."""
    if file.is_utc and zone != UTC_ZONE:
        raise FileError("Expected the zone UTC for a file whose times carry their own zone")
    _check_values(file)
    _check_timeframe(file, timeframe)
    _check_grid(file, timeframe)
    utc = to_utc(file.bars.time, zone)
    if len(utc.missing):
        at = int(utc.missing[0])
        found = f"expected a time the clocks of {zone.name} show, was {_wall(file, at)}"
        raise file.error(at, f"{found}, which they skip")
    bars = replace(file.bars, time=utc.time)
    repeats = _repeats(file, bars)
    return CheckedBars(bars_take(bars, np.flatnonzero(~repeats)), int(repeats.sum()), utc.ambiguous)


def _check_values(file: FileBars) -> None:
    """Refuse the first row with a number that cannot be."""
    worst: tuple[int, str] | None = None
    for mask, tell in _value_rules(file):
        index = int(mask.argmax())
        if mask[index] and (worst is None or index < worst[0]):
            worst = (index, tell(index))
    if worst is not None:
        raise file.error(*worst)


def _value_rules(file: FileBars) -> Iterator[tuple[Mask, Callable[[int], str]]]:
    bars = file.bars
    for name in (*PRICES, "volume", "spread"):
        yield _number_rule(bars, name, least=0 if name in ("volume", "spread") else None)
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    yield bars.high < top, _order_text(bars, "high", ">= max(open, close)", "<")
    yield bars.low > bottom, _order_text(bars, "low", "<= min(open, close)", ">")
    outside = (bars.time < EARLIEST) | (bars.time >= LATEST)
    yield outside, lambda i: f"expected a time from 1970 to 2099, was {bars.time[i]} s of the epoch"


def _number_rule(bars: Bars, name: str, least: int | None) -> tuple[Mask, Callable[[int], str]]:
    values = getattr(bars, name)
    sound = values > 0 if least is None else values >= least
    bound = "> 0" if least is None else f">= {least}"
    return ~(
        sound & np.isfinite(values)
    ), lambda i: f"expected {name} {bound}, was {values[i]:.10g}"


def _order_text(bars: Bars, name: str, rule: str, sign: str) -> Callable[[int], str]:
    def tell(i: int) -> str:
        value, open_ = getattr(bars, name)[i], bars.open[i]
        by_open = value < open_ if sign == "<" else value > open_
        other = f"open {open_:.10g}" if by_open else f"close {bars.close[i]:.10g}"
        return f"expected {name} {rule}, was {name} {value:.10g} {sign} {other}"

    return tell


def _check_timeframe(file: FileBars, timeframe: str) -> None:
    """Refuse a file whose bars are mostly not one timeframe apart."""
    seconds = timeframe_seconds(timeframe)
    steps = np.diff(file.bars.time)
    forward = steps[steps > 0]
    if len(forward) < ENOUGH:
        return
    values, counts = np.unique(forward, return_counts=True)
    usual = int(values[counts.argmax()])
    if usual != seconds:
        named = next((f" ({name})" for name, s in TIMEFRAMES.items() if s == usual), "")
        raise FileError(
            f"Expected bars of {timeframe}, {seconds} s apart; most are {usual} s apart{named}"
        )


def _check_grid(file: FileBars, timeframe: str) -> None:
    """Refuse bars that open off the grid on which nearly all others open."""
    seconds = timeframe_seconds(timeframe)
    phases, counts = np.unique(file.bars.time % seconds, return_counts=True)
    usual = int(phases[counts.argmax()])
    strays = np.flatnonzero(file.bars.time % seconds != usual)
    if 0 < len(strays) < max(2, STRAY_SHARE * len(file.bars)):
        at = int(strays[0])
        where = f"{usual // 60} minutes past" if usual else "on"
        raise file.error(
            at, f"expected a bar that opens {where} the {timeframe} grid, was {_wall(file, at)}"
        )


def _repeats(file: FileBars, bars: Bars) -> Mask:
    """Which rows repeat the row before; refuses times that go back or contradict each other."""
    steps = np.diff(bars.time, prepend=bars.time[:1] - 1)
    if (steps < 0).any():
        at = int((steps < 0).argmax())
        before, found = _wall(file, at - 1), _wall(file, at)
        raise file.error(at, f"expected a time after {before}, was {found}")
    same_time: Mask = steps == 0
    different = np.zeros(len(bars), dtype=bool)
    for name in BAR_COLUMNS[1:]:
        different[1:] |= np.diff(getattr(bars, name)) != 0
    if (same_time & different).any():
        at = int((same_time & different).argmax())
        raise file.error(at, f"expected one bar per time, {_wall(file, at)} came with other values")
    return same_time


def _wall(file: FileBars, index: int) -> str:
    return f"{datetime.fromtimestamp(int(file.bars.time[index]), UTC):%Y-%m-%d %H:%M:%S}"
