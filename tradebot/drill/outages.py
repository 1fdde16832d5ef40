"""The scenarios in which something the platform needs is gone for some seconds."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any

from django.contrib.auth.models import User
from django.db import DatabaseError, connection, connections

from tradebot.drill.cluster import Cluster
from tradebot.drill.disk import Ballast
from tradebot.drill.stand import Stand
from tradebot.embedded import valkey_shutdown, valkey_socket, valkey_start, valkey_stop
from trading.engine.orders import OrderStatus
from trading.models import Order, OrderTransition

DATABASE_SECONDS = 4.0
CACHE_SECONDS = 5.0
DISK_SECONDS = 10.0
RESUME_SECONDS = 30.0
"""Longest that a scenario waits for the first new position; what is allowed is less."""
Request = Mapping[str, Any]


def database(stand: Stand) -> dict[str, Any]:
    """Stop PostgreSQL without a goodbye, and start it again."""
    cluster = Cluster(Path(stand.plan.cluster))
    cluster.stop()
    stopped = time()
    try:
        stand.keep(DATABASE_SECONDS)
    finally:
        starting = time()
        cluster.start()
    ready = time()
    resumed = _resumed(stand, ready)
    connections.close_all()  # those of before are dead
    submits = stand.submits()
    meanwhile = [r for r in submits if stopped < r["wall"] < starting]
    return {
        "down_seconds": round(ready - stopped, 1),
        "orders_while_down": len(meanwhile) - len(_sent_before(meanwhile, stopped)),
        "orders_under_way": len(_sent_before(meanwhile, stopped)),
        "orders_without_record": unrecorded(submits),
        "resumed_seconds": resumed,
    }


def cache(stand: Stand) -> dict[str, Any]:
    """Stop Valkey, and start it again."""
    folder = Path(os.environ["TRADEBOT_VAR"])
    valkey_shutdown(valkey_socket(folder))
    stopped = time()
    stand.keep(CACHE_SECONDS)
    meanwhile = stand.entries_since(stopped)
    server = valkey_start(folder)
    assert server is not None
    try:
        resumed = _resumed(stand, time())
    finally:
        valkey_stop(server)
    return {
        "entries_while_down": len(meanwhile),
        "orders_without_record": unrecorded(stand.submits()),
        "resumed_seconds": resumed,
    }


def disk(stand: Stand) -> dict[str, Any]:
    """Fill the disk that holds the database, and free it again."""
    ballast = Ballast(Path(os.environ["TRADEBOT_VAR"]) / "ballast")
    refusals: Counter[str] = Counter()

    def squeeze() -> bool:
        refusals[_squeeze(ballast)] += 1
        return False

    try:
        stand.until(squeeze, DISK_SECONDS)
        without = unrecorded(stand.submits())
        last = [d["wall"] for d in stand.entries_since(0)][-1]
        silent = time() - last
    finally:
        ballast.drop()
    freed = time()
    return {
        "refusals": dict(refusals),
        "silent_seconds": round(silent, 1),
        "resumed_seconds": _resumed(stand, freed),
        "orders_without_record": without + unrecorded(stand.submits()),
        "integrity": _integrity(),
    }


def unrecorded(submits: Iterable[Request]) -> list[str]:
    """Client ids that the venue was asked to open under and that have no committed SENDING."""
    sent = OrderTransition.objects.filter(target=OrderStatus.SENDING)
    known = set(sent.values_list("order__client_id", flat=True))
    return sorted({r["client_id"] for r in submits} - known)


def _sent_before(submits: Iterable[Request], wall: float) -> list[str]:
    """Client ids whose order had passed the gate by then."""
    orders = Order.objects.filter(
        client_id__in=[r["client_id"] for r in submits],
        sent_at__lte=datetime.fromtimestamp(wall, UTC),
    )
    return list(orders.values_list("client_id", flat=True))


def _resumed(stand: Stand, since: float) -> float | None:
    """Seconds from `since` to the first position opened after it; None when that takes too long."""
    if not stand.until(lambda: stand.entries_since(since), RESUME_SECONDS):
        return None
    return round(float(stand.entries_since(since)[0]["wall"]) - since, 2)


def _squeeze(ballast: Ballast) -> str:
    """Leave no room, not even inside the database's own log; what a write is told then."""
    ballast.grow()
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ballast.grow()
        User.objects.create(username=secrets.token_hex(8))
    except DatabaseError as e:
        return str(e)
    return "written"


def _integrity() -> str:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        return str(cursor.fetchone()[0])
