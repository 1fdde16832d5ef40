"""The sweeper: what the queue lost is asked again, locks end, the live tail is kept short, and the
brokers' specifications are read once a day."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic

import structlog

from trading.models import Candle
from trading.services.backfills import backfills_sweep
from trading.services.bars import candles_compact
from trading.services.protections import locks_expire
from trading.services.specifications import specifications_enqueue
from trading.services.strategies import runs_sweep

SWEEP_SECONDS = 2.0
BACKFILL_SECONDS = 30.0
COMPACT_SECONDS = 300.0
SPECIFICATION_SECONDS = 86_400.0
TAIL = timedelta(days=2)
"""Live candles older than this, by their market's clock, move into chunks."""
log = structlog.get_logger(__name__)


class Sweeper:
    """Call `step` often; it does what is due."""

    def __init__(self) -> None:
        self._swept = 0.0
        self._compacted = monotonic()
        self._filled = monotonic()
        self._specified: float | None = None

    def step(self) -> None:
        """Sweep runs, locks and backfills, compact candles and have specifications read."""
        if monotonic() - self._swept >= SWEEP_SECONDS:
            self._swept = monotonic()
            overdue = runs_sweep()
            if overdue:
                log.warning("runs given to another worker", count=overdue)
            locks_expire()
        if monotonic() - self._compacted >= COMPACT_SECONDS:
            self._compacted = monotonic()
            candles_shorten()
        if monotonic() - self._filled >= BACKFILL_SECONDS:
            self._filled = monotonic()
            backfills_sweep()
        if self._specified is None or monotonic() - self._specified >= SPECIFICATION_SECONDS:
            self._specified = monotonic()
            specifications_enqueue()


def candles_shorten() -> int:
    """Move the old part of every live tail into chunks; returns the candles moved."""
    moved = 0
    series = Candle.objects.order_by().values_list("symbol", "timeframe").distinct()
    for symbol_id, timeframe in series:
        newest = Candle.objects.filter(symbol=symbol_id, timeframe=timeframe).latest("open_time")
        before = newest.open_time - TAIL
        moved += candles_compact(symbol=newest.symbol, timeframe=timeframe, before=before)
    return moved
