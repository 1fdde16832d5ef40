"""System checks of the wiring: what `manage.py check` refuses beyond Django's own checks."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

LOOPBACK = ("127.0.0.1", "localhost", "::1")


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
