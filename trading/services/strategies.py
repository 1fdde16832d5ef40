"""Deployments: pausing, resuming, and the bars they are asked about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now
from django_q.tasks import async_task

from trading.crashpoints import crash_point
from trading.engine.bars import Bar
from trading.models import Candle, Deployment, Position, StrategyRun, Symbol
from trading.models.strategies import RunState
from trading.services.events import Happening, event_append
from trading.services.specifications import SYNC_TASK

RUN_TASK = "trading.tasks.run_strategy"
TOGETHER = 20
"""Most runs in one hint."""
QUEUE_SECONDS = 5
"""How long a hint may wait for a worker before the sweeper gives another: workers die with it."""
CLAIM_SECONDS = 60
"""How long a worker may take for one run before the sweeper gives it to another."""


@dataclass(frozen=True, slots=True)
class ClosedBar:
    """A bar that has just closed, and for how long (seconds) its signal is worth acting on."""

    symbol: Symbol
    timeframe: str
    bar: Bar
    ttl: float

    @property
    def open_time(self) -> datetime:
        return datetime.fromtimestamp(self.bar.time, UTC)


@transaction.atomic
def bar_close(*, closed: ClosedBar, account_ids: Iterable[int]) -> list[StrategyRun]:
    """Store the candle once and ask every running deployment of these accounts about it, once.

    A paused one is asked while it holds a position: its exits go on, the gate refuses its entries.
    The tasks are enqueued in the same transaction: a run without a task cannot be.
    """
    _store(closed)
    held = Position.objects.filter(deployment=OuterRef("pk"), closed_at__isnull=True)
    deployments = Deployment.objects.filter(
        Q(state=Deployment.State.RUNNING) | Exists(held),
        symbol=closed.symbol,
        timeframe=closed.timeframe,
        account__in=list(account_ids),
    )
    asked = StrategyRun.objects.filter(bar_open=closed.open_time)
    known = set(asked.filter(deployment__in=deployments).values_list("deployment_id", flat=True))
    fresh = [d for d in deployments.order_by("pk") if d.pk not in known]
    StrategyRun.objects.bulk_create(
        (_run_of(deployment, closed) for deployment in fresh), ignore_conflicts=True
    )
    runs = list(asked.filter(deployment__in=fresh).order_by("pk")) if fresh else []
    _ask([run.pk for run in runs])
    return runs


def runs_enqueue(*, run_ids: Sequence[int]) -> None:
    """Hint a worker; losing or doubling the hint does no harm."""
    async_task(RUN_TASK, *run_ids, save=False)


def _ask(run_ids: Sequence[int]) -> None:
    """Hint workers of new runs, several in one hint.

    The same runs are in a second hint, backwards: where one broker holds a worker up, another
    worker answers the rest.
    """
    groups = [run_ids[at : at + TOGETHER] for at in range(0, len(run_ids), TOGETHER)]
    backwards = [group[::-1] for group in groups if len(group) > 1]
    for group in groups + backwards:
        runs_enqueue(run_ids=group)


def runs_sweep() -> int:
    """Give overdue runs to another worker, or end them when their signal is too old."""
    overdue = StrategyRun.objects.filter(
        state__in=[RunState.QUEUED, RunState.CLAIMED], deadline__lt=now()
    )
    overdue.filter(expires_at__lt=now()).update(
        state=RunState.EXPIRED,
        outcome="EXPIRED",
        code="RUN_LOST",
        message="No worker finished it in time",
        finished_at=now(),
    )
    runs = list(overdue.all())
    for run in runs:
        with transaction.atomic():
            taken = StrategyRun.objects.filter(pk=run.pk, deadline=run.deadline).update(
                state=RunState.QUEUED, deadline=now() + timedelta(seconds=QUEUE_SECONDS)
            )
            if taken:
                runs_enqueue(run_ids=[run.pk])
    return len(runs)


def deployment_pause(*, deployment: Deployment, actor: AbstractBaseUser | None) -> bool:
    """No new entries; open positions keep their stops. False when it was paused already."""
    return _switch(deployment, Deployment.State.PAUSED, "deployment.paused", actor)


def deployment_resume(*, deployment: Deployment, actor: AbstractBaseUser | None) -> bool:
    """Ask the strategy again from the next bar on. False when it was running already.

    A symbol whose tick value nobody has compared with the broker's yet is looked at soon.
    """
    resumed = _switch(deployment, Deployment.State.RUNNING, "deployment.resumed", actor)
    account = deployment.account
    if resumed and account.kind == "metaapi" and deployment.symbol.tick_value_at is None:
        transaction.on_commit(lambda: async_task(SYNC_TASK, account.pk, save=False))
    return resumed


@transaction.atomic
def _switch(deployment: Deployment, state: str, kind: str, actor: AbstractBaseUser | None) -> bool:
    changed = Deployment.objects.filter(pk=deployment.pk).exclude(state=state).update(state=state)
    if changed:
        transaction.on_commit(lambda: crash_point("config-switched"))
        deployment.refresh_from_db()
        who = actor.get_username() if actor is not None else "the system"
        event_append(
            happening=Happening(
                kind=kind,
                message=f"{deployment}: {kind.partition('.')[2]} by {who}",
                account=deployment.account,
                deployment=deployment,
                payload={"actor": who},
            )
        )
    return bool(changed)


def _run_of(deployment: Deployment, closed: ClosedBar) -> StrategyRun:
    return StrategyRun(
        deployment=deployment,
        bar_open=closed.open_time,
        deadline=now() + timedelta(seconds=QUEUE_SECONDS),
        expires_at=now() + timedelta(seconds=closed.ttl),
    )


def _store(closed: ClosedBar) -> None:
    bar = closed.bar
    Candle.objects.get_or_create(
        symbol=closed.symbol,
        timeframe=closed.timeframe,
        open_time=closed.open_time,
        defaults={
            "open": bar.open,
            "high": bar.high,
            "low": bar.low,
            "close": bar.close,
            "volume": bar.volume,
            "spread": bar.spread,
        },
    )
