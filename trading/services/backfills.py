"""Filling the history of a symbol from its broker: backwards, page by page, resumed anywhere.

A page and how far it reaches are stored in one transaction, so that a process may end between any
two. Brokers open bars of four hours and a day by their own clock, but every bar of ours opens on a
multiple of its timeframe in UTC: those are built from hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic, sleep
from typing import Any, Final, Protocol

import numpy as np
import structlog
from django.db import IntegrityError, transaction
from django.utils.timezone import now
from django_q.tasks import async_task

from trading.brokers.base import Unavailable
from trading.brokers.metaapi.asking import Failed
from trading.brokers.metaapi.mapping import bars_of
from trading.brokers.metaapi.payload import PayloadError
from trading.engine.bars import merge, resample, timeframe_seconds
from trading.engine.sessions import week_of
from trading.engine.types import Bars, EngineError
from trading.models import Account, HistoryBackfill, Symbol
from trading.services.bars import bars_store
from trading.services.brokers import metaapi_client

PAGE: Final = 1000
"""Candles in one request."""
TASK: Final = "trading.tasks.run_backfill"
TASK_SECONDS: Final = 30.0
"""A task of the queue ends after so long and lets others go first."""
PAUSES: Final = (2.0, 5.0, 15.0, 30.0)
"""Seconds to wait for a broker that does not answer, before each next try."""
ABANDONED: Final = timedelta(minutes=2)
"""A backfill that nobody moved for so long is asked for again."""
MOST_GAPS: Final = 3
"""Gaps of one page that are asked for again, the largest ones."""
BUILT_FROM: Final = {"H4": "H1", "D1": "H1"}
FINAL_STATUS: Final = frozenset({400, 401, 403, 404})
"""HTTP answers that do not change by asking again."""
State = HistoryBackfill.State
Progress = Callable[[HistoryBackfill], None]
log = structlog.get_logger(__name__)


class CandleClient(Protocol):
    """What is asked of an account's client; both raise Unavailable."""

    def candles(
        self, symbol: str, timeframe: str, start: datetime, limit: int = ...
    ) -> Sequence[Any]: ...

    def server_time(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class _Page:
    """Closed bars to store, and the open time from which on everything is known then."""

    bars: Bars
    reached: datetime
    is_last: bool


def backfill_request(
    *, symbol: Symbol, timeframe: str, start: datetime, end: datetime | None = None
) -> HistoryBackfill:
    """Ask for the bars of [start, end) (default: until now); nothing runs yet.

    One that is not finished goes on, further back if need be; one that failed goes on where it was.
    """
    timeframe_seconds(timeframe)
    end = end or now()
    if start >= end:
        raise EngineError(f"Expected a start before {end:%Y-%m-%d %H:%M}, was {start}")
    running = HistoryBackfill.objects.filter(
        symbol=symbol, timeframe=timeframe, state__in=[State.QUEUED, State.RUNNING]
    )
    try:
        with transaction.atomic():
            backfill = running.select_for_update().first()
            if backfill is None:
                return HistoryBackfill.objects.create(
                    symbol=symbol, timeframe=timeframe, start=start, end=end
                )
            if start < backfill.start:
                _update(backfill, start=start)
            return backfill
    except IntegrityError:  # another process asked in the same moment
        return running.get()


def backfill_resume(*, backfill: HistoryBackfill) -> bool:
    """Let a worker go on with it; False when it is done or another one of the series runs."""
    if backfill.state == State.DONE:
        return False
    try:
        with transaction.atomic():
            _update(backfill, state=State.QUEUED, message="")
            async_task(TASK, backfill.pk, save=False)
    except IntegrityError:
        backfill.refresh_from_db()
        return False
    return True


def backfill_step(*, backfill: HistoryBackfill, client: CandleClient) -> bool:
    """Store one page of bars before what is reached; False when there is no more to do.

    Raises Unavailable, then nothing has changed. What another process stored meanwhile stands.
    """
    if backfill.state not in (State.QUEUED, State.RUNNING):
        return False
    page = _page(backfill, client)
    symbol = backfill.symbol
    with transaction.atomic():
        row = HistoryBackfill.objects.select_for_update().get(pk=backfill.pk)
        if (row.reached, row.state) == (backfill.reached, backfill.state):
            added = 0
            if len(page.bars):
                added = bars_store(symbol=symbol, timeframe=row.timeframe, bars=page.bars).added
            state = State.DONE if page.is_last and row.start >= backfill.start else State.RUNNING
            _update(row, reached=page.reached, bars=row.bars + added, state=state, message="")
    backfill.refresh_from_db()
    return backfill.state == State.RUNNING


def backfill_run(
    *,
    backfill: HistoryBackfill,
    client: CandleClient,
    progress: Progress = lambda backfill: None,
    seconds: float | None = None,
    pauses: Sequence[float] = PAUSES,
) -> bool:
    """Step until it is done, has failed or `seconds` are over; False = there is more to do.

    A broker that does not answer is waited for; one that still does not is Unavailable, and the
    backfill stays where it is. What can never be answered makes it FAILED.
    """
    ends = None if seconds is None else monotonic() + seconds
    waits = list(pauses)
    while True:
        try:
            more = backfill_step(backfill=backfill, client=client)
        except (EngineError, PayloadError) as e:
            _fail(backfill, e)
            return True
        except Unavailable as e:
            if isinstance(e, Failed) and e.status in FINAL_STATUS:
                _fail(backfill, e)
                return True
            _update(backfill, message=str(e)[:300])
            if not waits:
                raise
            sleep(waits.pop(0))
            continue
        progress(backfill)
        waits = list(pauses)
        if not more:
            return True
        if ends is not None and monotonic() >= ends:
            return False


def backfill_work(*, backfill_id: int) -> None:
    """What a worker does: go on for a while, and leave the rest to a next task.

    A broker that does not answer is left to the sweeper, which asks again later.
    """
    backfill = HistoryBackfill.objects.select_related("symbol").get(pk=backfill_id)
    if backfill.state not in (State.QUEUED, State.RUNNING):
        return
    try:
        client = metaapi_client(account=account_of(symbol=backfill.symbol))
    except EngineError as e:
        _fail(backfill, e)
        return
    try:
        if not backfill_run(backfill=backfill, client=client, seconds=TASK_SECONDS, pauses=()):
            async_task(TASK, backfill.pk, save=False)
    except Unavailable as e:
        log.warning("history unavailable", backfill=str(backfill), error=str(e))


def backfills_sweep() -> int:
    """Ask again for what the queue lost or the broker did not answer; how many."""
    abandoned = HistoryBackfill.objects.filter(
        state__in=[State.QUEUED, State.RUNNING], updated_at__lt=now() - ABANDONED
    )
    count = 0
    for pk, seen in abandoned.values_list("pk", "updated_at"):
        with transaction.atomic():
            mine = HistoryBackfill.objects.filter(pk=pk, updated_at=seen).update(updated_at=now())
            if mine:
                async_task(TASK, pk, save=False)
        count += mine
    return count


def account_of(*, symbol: Symbol) -> Account:
    """The account whose broker has the symbol's history; EngineError where there is none."""
    account = Account.objects.filter(kind="metaapi", source=symbol.source).order_by("-pk").first()
    if account is None:
        raise EngineError(f"{symbol}: expected a MetaApi account of its source, was none")
    return account


# --- one page


def _page(backfill: HistoryBackfill, client: CandleClient) -> _Page:
    """What lies before the oldest bar that is known, or before now."""
    asked = BUILT_FROM.get(backfill.timeframe, backfill.timeframe)
    unit = timeframe_seconds(backfill.timeframe)
    cursor = _epoch(backfill.reached or min(backfill.end, client.server_time()))
    start = _ceil(_epoch(backfill.start), unit)
    limit = min(PAGE, max(0, cursor - start) // timeframe_seconds(asked) + 1)
    source = _Source(backfill.symbol, asked, client)
    found, is_all = source.before(cursor, limit)
    is_last = is_all or int(found.time[0]) <= start
    whole = _ceil(int(found.time[0]), unit) if len(found) else cursor
    if len(found):
        found = source.filled(found, cursor)
        found = found if asked == backfill.timeframe else resample(found, asked, backfill.timeframe)
    low, high = np.searchsorted(found.time, [max(start, whole), cursor - unit + 1])
    reached = backfill.start if is_last else datetime.fromtimestamp(whole, UTC)
    return _Page(found.slice(int(low), max(int(low), int(high))), reached, is_last)


@dataclass(frozen=True, slots=True)
class _Source:
    """The candles of one series at the broker; moments are epoch seconds."""

    symbol: Symbol
    timeframe: str
    client: CandleClient

    def before(self, moment: int, limit: int) -> tuple[Bars, bool]:
        """Up to `limit` bars that open before, and whether the broker has no older ones."""
        last = datetime.fromtimestamp(moment, UTC) - timedelta(milliseconds=1)
        candles = self.client.candles(self.symbol.name, self.timeframe, last, limit)
        bars = bars_of(candles, Decimal(1).scaleb(-self.symbol.digits))
        bars = bars.slice(0, int(bars.time.searchsorted(moment)))
        if (bars.time % timeframe_seconds(self.timeframe)).any():
            raise EngineError(
                f"{self.symbol}: expected {self.timeframe} bars that open on multiples of it in UTC"
            )
        return bars, len(candles) < limit

    def filled(self, bars: Bars, until: int) -> Bars:
        """With what the broker gives when it is asked for the gaps once more."""
        first = int(bars.time[0])
        for end, slots in self._gaps(bars, until):
            more, _ = self.before(end, min(PAGE, slots))
            bars = merge(bars, more.slice(int(more.time.searchsorted(first)))).bars
        return bars

    def _gaps(self, bars: Bars, until: int) -> list[tuple[int, int]]:
        """End and missing bars of the largest gaps while the symbol was quoted."""
        seconds = timeframe_seconds(self.timeframe)
        slots = np.arange(int(bars.time[0]), until - seconds + 1, seconds, dtype=np.int64)
        quoted = week_of(self.symbol.sessions, "quote").open_mask(slots, seconds)
        missing = quoted & ~np.isin(slots, bars.time)
        edges = np.flatnonzero(np.diff(missing.astype(np.int8), prepend=0, append=0))
        starts, stops = edges[::2], edges[1::2]
        largest = np.argsort(starts - stops, kind="stable")[:MOST_GAPS]
        return [(int(slots[stops[i] - 1]) + seconds, int(stops[i] - starts[i])) for i in largest]


def _fail(backfill: HistoryBackfill, error: Exception) -> None:
    log.warning("backfill failed", backfill=str(backfill), error=str(error))
    _update(backfill, state=State.FAILED, message=str(error)[:300])


def _update(backfill: HistoryBackfill, **columns: Any) -> None:
    for name, value in columns.items():
        setattr(backfill, name, value)
    backfill.updated_at = now()
    backfill.save(update_fields=[*columns, "updated_at"])


def _epoch(at: datetime) -> int:
    return int(at.timestamp())


def _ceil(seconds: int, unit: int) -> int:
    return -(-seconds // unit) * unit
