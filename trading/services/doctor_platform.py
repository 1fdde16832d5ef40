"""The doctor's look at the platform itself: settings, servers, queue, disk, keys, packages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from importlib import metadata
from secrets import token_hex
from shutil import disk_usage
from time import monotonic, sleep
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.cache import cache
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F, TextField
from django.db.models.functions import Cast
from django.utils.timezone import now
from django_q.models import OrmQ, Task
from django_q.tasks import async_task

from trading.engine.risk import Control
from trading.models import Account, Installation, RiskLimit
from trading.models.fields import EncryptedTextField
from trading.selectors.filters import calendar_reach
from trading.selectors.heartbeats import heartbeats
from trading.services.findings import Finding, failed, passed, warned, worst

SDK: Final = "metaapi-cloud-sdk"
SDK_VERSION: Final = "29.1.1"
CANARY: Final = "trading.tasks.answer_canary"
CANARY_SECONDS: Final = 10.0
LATE_SECONDS: Final = 15.0
DEAD_SECONDS: Final = 60.0
"""Age of the last stamp of a process; it stamps every five seconds."""
STARTS: Final = {
    "web": "daphne tradebot.web:application",
    "worker": "manage.py qworker",
    "gateway": "manage.py gateway",
    "notifier": "manage.py notifier",
}
"""What starts each process; `manage.py up` starts all."""
NEWS_LIMITS: Final = (Control.NEWS_WINDOW.value, Control.NEWS_CLOSES.value)
NEWEST: Final = 100
"""Queued tasks among which an unanswered canary is looked for."""


def settings_check() -> Finding:
    """Django's system checks and ours; in production those of a deployment too."""
    found = checks.run_checks(include_deployment_checks=not settings.EMBEDDED)
    findings = [
        (failed if message.is_serious() else warned)(
            f"{message.id}: {message.msg}", message.hint or "See `manage.py check`"
        )
        for message in found
        if message.level >= checks.WARNING and not message.is_silenced()
    ]
    return worst(findings, "embedded" if settings.EMBEDDED else "production")


def database_check() -> Finding:
    """Does it answer?"""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return passed(f"{connection.display_name} answers")


def migrations_check() -> Finding:
    """Are its tables those of this code?"""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        return failed(f"{len(plan)} migrations are not applied", "manage.py migrate")
    return passed("all applied")


def writing_check() -> Finding:
    """Can it be written to?"""
    with transaction.atomic():
        Installation.objects.create()
        transaction.set_rollback(True)
    return passed("a row was written and rolled back")


def redis_check() -> Finding:
    """Does it keep what it is given?"""
    key, value = "doctor", token_hex(8)
    cache.set(key, value, 30)
    found = cache.get(key)
    if found != value:
        return failed(f"Expected {value} back, was {found}", "Is REDIS_PREFIX shared?")
    return passed("keeps and gives back")


def queue_check(seconds: float = CANARY_SECONDS) -> Finding:
    """Does a worker take a task? Nothing is left of it in the queue."""
    began = monotonic()
    task = async_task(CANARY)
    while monotonic() - began < seconds:
        if Task.objects.filter(pk=task, success=True).exists():
            Task.objects.filter(pk=task).delete()
            return passed(f"a worker answered after {monotonic() - began:.1f} s")
        sleep(0.05)
    waiting = OrmQ.objects.count()
    for row in OrmQ.objects.order_by("-pk")[:NEWEST]:
        if row.task_id() == task:
            row.delete()
    return warned(
        f"no worker answered within {seconds:g} s, {waiting} tasks wait",
        "Start a worker: manage.py qworker; if one runs, it is busy or stands still",
    )


def process_check(process: str) -> Finding:
    """Does it live? One that ended in order, or never ran, is not missed."""
    age, start = heartbeats()[process], STARTS[process]
    if age is None:
        return warned("not running", f"Start it, if it shall run: {start}")
    detail = f"its last stamp is {age:.0f} s old"
    if age > DEAD_SECONDS:
        return failed(f"{detail}: it died or stands still", f"Look at its log, start it: {start}")
    if age > LATE_SECONDS:
        return warned(detail, "It is busy, or just starts again: ask once more")
    return passed(detail)


def disk_check() -> Finding:
    """Is there room for what exits write?"""
    free, reserve = disk_usage(settings.VAR_DIR).free >> 20, settings.DISK_RESERVE_MB
    detail = f"{free} MiB free in {settings.VAR_DIR}, {reserve} are kept"
    if free < reserve:
        return failed(detail, "Make room: no entry is sent")
    if free < 2 * reserve:
        return warned(detail, "Make room soon: below the reserve no entry is sent")
    return passed(detail)


def keys_check() -> Finding:
    """Does every secret in the database open, and with the first key?"""
    keys = [Fernet(key) for key in settings.FIELD_KEYS]
    count: Counter[int] = Counter()
    for label, sealed in _secrets():
        index = next((i for i, key in enumerate(keys) if _opens(key, sealed)), None)
        if index is None:
            return failed(
                f"{label} opens with none of {len(keys)} keys",
                "Put the key it was encrypted with into FIELD_KEYS, or enter the secret anew",
            )
        count[index] += 1
    older = count.total() - count[0]
    if older:
        detail = f"{older} of {count.total()} secrets open with an older key"
        return warned(detail, "manage.py rotatekeys")
    return passed(f"{count.total()} secrets open with the first of {len(keys)} keys")


def sdk_check() -> Finding:
    """Is the SDK the one it was proved with? It is not imported."""
    try:
        version = metadata.version(SDK)
    except metadata.PackageNotFoundError:
        version = "none"
    if version == SDK_VERSION:
        return passed(f"{SDK} {version}")
    detail, cure = (
        f"Expected {SDK} {SDK_VERSION}, was {version}",
        f"pip install {SDK}=={SDK_VERSION}",
    )
    is_needed = Account.objects.filter(kind="metaapi").exists()
    return failed(detail, cure) if is_needed else warned(detail, cure)


def news_check() -> Finding:
    """Does the calendar reach, where a limit keeps off news?"""
    if not RiskLimit.objects.filter(enabled=True, control__in=NEWS_LIMITS).exists():
        return passed("no limit asks for the calendar")
    reach, cure = calendar_reach(), "manage.py importnews FILE"
    if reach is None:
        return failed("no news are known: entries under a news limit are refused", cure)
    detail = f"news are known until {reach:%a %Y-%m-%d %H:%M} UTC"
    if reach <= now():
        return failed(f"{detail}: entries under a news limit are refused", cure)
    return passed(detail) if reach > now() + timedelta(days=1) else warned(detail, cure)


def _secrets() -> Iterator[tuple[str, str]]:
    """Every encrypted value as it is stored, under the name of its row."""
    for model in apps.get_models():
        fields = [] if model._meta.proxy else model._meta.local_concrete_fields
        for field in fields:
            if isinstance(field, EncryptedTextField):
                rows = model._default_manager.annotate(sealed=Cast(F(field.attname), TextField()))
                for pk, sealed in rows.exclude(sealed="").values_list("pk", "sealed"):
                    if sealed:
                        yield f"{model._meta.label}.{field.attname} of row {pk}", sealed


def _opens(key: Fernet, sealed: str) -> bool:
    try:
        key.decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True
