"""The scenario of the kill switch: pulled while everything signals at once."""

from __future__ import annotations

from collections import Counter
from random import Random
from time import sleep, time
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from tradebot.drill.stand import Stand
from trading.models import Event, KillSwitch, Order, StrategyRun
from trading.selectors.kills import kills_pulled
from trading.services.switches import kill_rearm

WATCH_SECONDS = 4.0
"""After the switch, longer than any call lasts, and long enough for some bars."""
LOAD_SECONDS = 30.0


def switch(stand: Stand) -> dict[str, Any]:
    """Pull the switch for everything at different moments of a bar, watch, re-arm, again."""
    rng = Random(stand.plan.seed)  # noqa: S311  a drill, repeatable
    rounds = [_round(stand, rng) for _ in range(stand.plan.rounds)]
    return {
        "rounds": rounds,
        "most_after": max(r["most_after"] for r in rounds),
        "latest_after": max(r["latest_after"] for r in rounds),
    }


def _round(stand: Stand, rng: Random) -> dict[str, Any]:
    _wait_for_load(stand)
    _wait_for_signals()
    sleep(rng.uniform(0.0, 0.4))
    asked = time()
    pid = stand.crew.nursery.fork("kill", "--reason=drill")
    assert stand.crew.nursery.wait(pid) == 0
    pulled = _committed(Event.objects.filter(kind="kill.pulled").latest("id"))
    stand.keep(WATCH_SECONDS)
    after = [r for r in stand.submits() if r["wall"] > pulled]
    before = [r for r in stand.submits() if pulled - 1 < r["wall"] <= pulled]
    found = {
        "before": len(before),
        "after": len(after),
        "most_after": max(Counter(r["account"] for r in after).values(), default=0),
        "latest_after": round(max((r["wall"] - pulled for r in after), default=0.0), 4),
        "pulled_after": round(pulled - asked, 3),
        "refused": _refused(),
    }
    _rearm()
    return found


def _committed(event: Event) -> float:
    """When the switch was committed, epoch seconds; no gate passes later.

    SQLite has no such time, but the event is stamped while nobody else can write: no gate passes
    after that either. On PostgreSQL gates do pass between stamp and commit.
    """
    if connection.vendor != "postgresql":
        return event.at.timestamp()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) "
            "FROM trading_event WHERE id = %s",
            [event.pk],
        )
        return float(cursor.fetchone()[0])


def _refused() -> int:
    """Orders that the newest switch has stopped so far."""
    since = KillSwitch.objects.latest("pulled_at").pulled_at
    return Order.objects.filter(code="KILL_SWITCH", finished_at__gt=since).count()


def _wait_for_load(stand: Stand) -> None:
    """Until every account has opened something just now."""
    names = {stand.place.name_of(account.external_id) for account in stand.accounts}
    since = time()
    if not stand.until(
        lambda: {deal["account"] for deal in stand.entries_since(since)} == names, LOAD_SECONDS
    ):
        raise SystemExit(f"Expected entries on {sorted(names)} within {LOAD_SECONDS} s, was fewer")


def _wait_for_signals() -> None:
    """Until the next bar has closed and every deployment is asked about it."""
    newest = StrategyRun.objects.latest("id").pk
    while StrategyRun.objects.latest("id").pk == newest:
        sleep(0.002)


def _rearm() -> None:
    person, _ = User.objects.get_or_create(username="drill", is_superuser=True, is_staff=True)
    for pulled in kills_pulled():
        kill_rearm(switch=pulled, actor=person, reason="the drill goes on")
