"""Writing the event log: append-only, chained, in the order of commit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils.timezone import now

from trading import broadcast
from trading.models import Account, Deployment, Event, Severity

_LOG_LOCK = 0x7472_6164  # advisory lock of the log, any constant of our own
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Happening:
    """What is to be written as an event."""

    kind: str
    message: str
    severity: Severity = Severity.INFO
    account: Account | None = None
    deployment: Deployment | None = None
    payload: Mapping[str, object] = field(default_factory=dict)


def event_append(*, happening: Happening) -> Event:
    """Append to the log inside the caller's transaction; browsers and notifier hear after commit.

    Writers are serialised until they commit, so that ids appear in order: a reader that asks for
    what came after the last id it saw misses nothing.
    """
    with transaction.atomic(savepoint=False):
        _lock_log()
        previous = Event.objects.order_by("-id").values_list("hash", flat=True).first() or GENESIS
        event = Event(
            kind=happening.kind,
            severity=happening.severity,
            account=happening.account,
            deployment=happening.deployment,
            message=happening.message[:300],
            payload=json.loads(json.dumps(dict(happening.payload), default=str)),
            at=now(),
            previous_hash=previous,
        )
        event.hash = event_hash(event)
        event.save(force_insert=True)
        transaction.on_commit(lambda: broadcast.hint_events(event.id))
    return event


def event_hash(event: Event) -> str:
    """SHA-256 over the previous hash and the event's content as canonical JSON."""
    content = {
        "kind": event.kind,
        "severity": int(event.severity),
        "account": event.account_id,
        "deployment": event.deployment_id,
        "message": event.message,
        "payload": event.payload,
        "at": event.at.isoformat(),
        "previous": event.previous_hash,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _lock_log() -> None:
    """Hold the log until commit; SQLite's IMMEDIATE transactions are alone already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOG_LOCK])
