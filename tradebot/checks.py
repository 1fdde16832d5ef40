"""System checks of the wiring: what `manage.py check` refuses beyond Django's own checks."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOUNTS = Path("/proc/mounts")
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "sshfs", "9p", "ceph", "glusterfs", "lustre"}
)
"""Without the prefix `fuse.` that some of them carry."""


@register
def task_queue(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """A task that still runs must never be handed out a second time."""
    queue: dict[str, Any] = settings.Q_CLUSTER
    longest = queue["timeout"] * (queue["queue_limit"] / queue["workers"] + 2)
    found: list[CheckMessage] = []
    if queue["retry"] <= longest:
        found.append(
            Error(
                f"Expected Q_CLUSTER['retry'] above {longest:g} s, was {queue['retry']}",
                hint="It counts from the dequeue: timeout * (queue_limit / workers + 2) at least.",
                id="tradebot.E001",
            )
        )
    if not queue.get("orm"):
        found.append(
            Error(
                "Expected Q_CLUSTER['orm'] to name a database, was nothing",
                hint="Tasks are enqueued in the transaction that makes them necessary.",
                id="tradebot.E002",
            )
        )
    return found


@register(Tags.security)
def keys(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """The key that signs cookies and tasks must not be the one that encrypts broker tokens."""
    if settings.SECRET_KEY not in settings.FIELD_KEYS:
        return []
    return [Error("Expected SECRET_KEY and FIELD_KEYS to differ", id="tradebot.E003")]


@register(Tags.security, deploy=True)
def redis(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """More than one machine needs one Redis, and a Redis on a network needs a password."""
    if not settings.EMBEDDED and settings.EMBEDDED_VALKEY:
        hint = "Only `manage.py up` starts the embedded server, for the processes it starts itself."
        return [Warning("Expected REDIS_URL beside DATABASE_URL", hint=hint, id="tradebot.W001")]
    url = urlsplit(settings.REDIS_URL)
    if url.scheme == "unix" or url.password or url.hostname in LOOPBACK:
        return []
    return [Warning("Expected a password in REDIS_URL, was none", id="tradebot.W002")]


@register
def embedded_database(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """SQLite and the file locks of the leases hold on a disk of this machine only."""
    if not settings.EMBEDDED or not MOUNTS.exists():
        return []
    path = Path(settings.DATABASES["default"]["NAME"]).resolve()
    kind = file_system(path, MOUNTS.read_text(errors="replace"))
    if kind.removeprefix("fuse.") not in NETWORK_FILE_SYSTEMS:
        return []
    return [
        Error(
            f"Expected {path} on a disk of this machine, was on {kind}",
            hint="Set TRADEBOT_VAR to a local directory, or DATABASE_URL for several machines.",
            id="tradebot.E004",
        )
    ]


def file_system(path: Path, mounts: str) -> str:
    """The type of the file system `path` (absolute, no links) lies on, from the text of
    /proc/mounts; empty when there is none. Of two mounts at one place the later one is seen.
    """
    found, longest = "", -1
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place))
        if path.is_relative_to(point) and len(point.parts) >= longest:
            found, longest = kind, len(point.parts)
    return found
