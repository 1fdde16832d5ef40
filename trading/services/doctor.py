"""The doctor: every check by its name, one after the other; none of them can end it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final

from django.conf import settings

from trading.models import Account, Connection, Deployment
from trading.selectors.heartbeats import PROCESSES
from trading.services import doctor_brokers as brokers
from trading.services import doctor_platform as platform
from trading.services.findings import Check, Finding, Status, failed

Asked = tuple[str, Callable[[], Finding]]
PLATFORM: Final[dict[str, Callable[[], Finding]]] = {
    "settings": platform.settings_check,
    "database": platform.database_check,
    "migrations": platform.migrations_check,
    "database write": platform.writing_check,
    "redis": platform.redis_check,
    "queue": platform.queue_check,
    **{f"process: {name}": partial(platform.process_check, name) for name in PROCESSES},
    "disk": platform.disk_check,
    "keys": platform.keys_check,
    "sdk": platform.sdk_check,
    "news": platform.news_check,
}
_ASKED = "Is the account deployed and connected at MetaApi?"
CURES: Final = {
    "database": "Is DATABASE_URL right, and does the server run?",
    "redis": "Is REDIS_URL right, and does the server run?",
    "process": "Is REDIS_URL right, and does the server run?",
    "clock": _ASKED,
    "specification": _ASKED,
}
"""Where a check says nothing itself because it raised."""
CURE: Final = "See the detail; the log of the process at fault says more"
LONGEST: Final = 300


def doctor_run(*, told: Callable[[Check], None] = lambda check: None) -> list[Check]:
    """Every check, told of as it is done."""
    found = []
    for name, ask in _asked():
        check = _checked(name, ask)
        told(check)
        found.append(check)
    return found


def exit_code(checks: Iterable[Check]) -> int:
    """0 all pass, 1 warnings, 2 failures."""
    return max((list(Status).index(check.status) for check in checks), default=0)


def _asked() -> Iterator[Asked]:
    yield from PLATFORM.items()
    yield from _each("token", Connection.objects.order_by("name"), brokers.token_check)
    metaapi = Account.objects.filter(kind="metaapi").order_by("name")
    yield from _each("account", metaapi, brokers.connection_check)
    for name, check in (
        ("clock", brokers.clock_check),
        ("specification", brokers.specification_check),
    ):
        yield from _each(name, _asked_of(metaapi), check)
    running = Deployment.objects.filter(state=Deployment.State.RUNNING)
    sources = running.order_by("symbol__source").values_list("symbol__source", flat=True).distinct()
    yield from _each("quotes", sources, brokers.quotes_check)
    accounts = Account.objects.select_related("lease").order_by("name")
    yield from _each("lease", accounts, brokers.lease_check)


def _each(name: str, rows: Iterable[Any], check: Callable[[Any], Finding]) -> Iterator[Asked]:
    """One check for each row; a check that fails where the rows cannot be read."""
    try:
        found = list(rows)
    except Exception as e:  # noqa: BLE001 - the doctor goes on
        yield name, partial(_unread, e)
        return
    for row in found:
        yield f"{name}: {row}", partial(check, row)


def _unread(error: Exception) -> Finding:
    return failed(f"{type(error).__name__}: {error}", CURES["database"])


def _checked(name: str, ask: Callable[[], Finding]) -> Check:
    try:
        finding = ask()
    except Exception as e:  # noqa: BLE001 - whatever a check raises is what it found
        finding = failed(f"{type(e).__name__}: {e}", CURES.get(name.partition(":")[0], CURE))
    return Check(name, finding.status, _shown(finding.detail), finding.cure)


def _shown(detail: str) -> str:
    """In one line, and without what is secret in the settings."""
    for secret in filter(None, settings.LOGGING["secrets"]):
        detail = detail.replace(secret, "***")
    return " ".join(detail.split())[:LONGEST]


def _asked_of(accounts: Iterable[Account]) -> Iterator[Account]:
    """Those that can be asked; read only when somebody looks, so that a failure is the check's."""
    yield from (account for account in accounts if brokers.is_asked(account))
