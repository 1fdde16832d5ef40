"""What brokers say of their symbols: the row as it is now, and a snapshot whenever it changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

import structlog
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django_q.tasks import async_task
from redis.exceptions import RedisError

from trading.brokers.base import Unavailable
from trading.brokers.metaapi.asking import NOT_FOUND, Failed
from trading.brokers.metaapi.payload import PLACES, Fields, PayloadError
from trading.brokers.metaapi.specification import UNTOLD, Specification, specification_of
from trading.engine.sessions import sessions_json, zone_that_shows
from trading.engine.symbols import canonical
from trading.engine.types import EngineError
from trading.models import Account, Deployment, Severity, Symbol, SymbolSpecification
from trading.services.brokers import metaapi_client
from trading.services.events import Happening, event_append
from trading.services.tick_values import tick_values_compare

SYNC_TASK: Final = "trading.tasks.sync_specifications"
REFRESH_ONCE_IN: Final = 60
"""Seconds in which several gateways that start together ask for one refresh."""
Progress = Callable[[int, int], None]
"""Told after each symbol: how many are done, of how many."""

log = structlog.get_logger(__name__)
_SWAP_PLACES: Final = Decimal("0.0001")
_GRAVE: Final = (
    *("tick_size", "contract_size", "volume_min", "volume_step", "volume_max"),
    *("base_currency", "profit_currency", "trade_mode"),
)
_MILD: Final = ("swap_long", "swap_short", "triple_swap_weekday", "stops_level", "sessions")
_COLUMNS: Final = (*_GRAVE[:-1], "triple_swap_weekday", "stops_level")
_SAID: Final = {
    "initial_margin": "initialMargin",
    "maintenance_margin": "maintenanceMargin",
    "hedged_margin": "hedgedMargin",
    "hedged_margin_uses_larger_leg": "hedgedMarginUsesLargerLeg",
    "margin_currency": "marginCurrency",
    "price_calculation": "priceCalculationMode",
    "swap_mode": "swapMode",
}
"""What has no column but matters for money, by its name in the payload."""


class SpecificationClient(Protocol):
    """What is asked of an account's client; readings raise Unavailable."""

    def symbols(self) -> Sequence[str]: ...

    def specification(self, symbol: str) -> Any: ...

    def price(self, symbol: str) -> Any: ...


@dataclass(slots=True)
class SpecificationsReport:
    """Symbols that were read, and by name why others were not."""

    symbols: list[Symbol] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        told = "".join(f"; {name}: {why}" for name, why in list(self.problems.items())[:5])
        return f"{len(self.symbols)} symbols read, {len(self.problems)} not{told}"


@transaction.atomic
def specification_observe(*, source: str, specification: Specification, zone: str = "") -> Symbol:
    """Bring the symbol's row up to date; a snapshot is kept when the broker says something new.

    `zone` is the rule of the broker's clock; empty = as it was. What matters for money and changed
    is told as `symbol.changed`. EngineError for a specification that does not fit the columns.
    """
    symbol = _symbol_of(source, specification, zone)
    wanted = _columns(source, specification, zone or symbol.sessions.get("zone", ""))
    content = _content(specification.extras.raw)
    digest = _sha256(content)
    before = symbol.specifications.order_by("-observed_at", "-pk").first()
    changes = _row_changes(symbol, wanted) | _said_changes(before, content)
    _save(symbol, wanted)
    if before is None or before.sha256 != digest:
        SymbolSpecification.objects.create(symbol=symbol, content=content, sha256=digest)
    if changes:
        _tell(symbol, changes)
    return symbol


def specifications_sync(
    *,
    account: Account,
    client: SpecificationClient,
    names: Iterable[str] | None = None,
    progress: Progress = lambda done, of: None,
) -> SpecificationsReport:
    """Read the specifications of all the account's symbols, or of `names`, one request each.

    Requests wait for their turn in the account's budget, behind trades. A symbol that cannot be
    read is reported and left as it was; an account that does not answer ends it: Unavailable. Of
    those that deployments trade the tick values are compared.
    """
    wanted = sorted(client.symbols()) if names is None else list(dict.fromkeys(names))
    report = SpecificationsReport()
    zone = _zone_of(account.source, client, wanted)
    for done, name in enumerate(wanted, start=1):
        try:
            specification = specification_of(client.specification(name))
            report.symbols.append(
                specification_observe(source=account.source, specification=specification, zone=zone)
            )
        except Failed as e:
            if e.status != NOT_FOUND:
                raise
            report.problems[name] = str(e)
        except (PayloadError, EngineError) as e:
            report.problems[name] = str(e)
        progress(done, len(wanted))
    traded = set(specifications_traded(account=account))
    compared = [symbol for symbol in report.symbols if symbol.name in traded]
    tick_values_compare(account=account, client=client, symbols=compared)
    return report


def specifications_refresh(*, account: Account) -> SpecificationsReport:
    """Read the specifications of what deployments trade at the account's source.

    Raises Unavailable, and EngineError for an account that cannot be asked.
    """
    names = specifications_traded(account=account)
    client = metaapi_client(account=account)
    report = specifications_sync(account=account, client=client, names=names)
    if report.problems:
        log.warning("specifications not read", account=str(account), problems=report.problems)
    return report


def specifications_work(*, account_id: int) -> None:
    """What a worker does: a refresh, or a line in the log where it cannot be."""
    account = Account.objects.get(pk=account_id)
    try:
        specifications_refresh(account=account)
    except (Unavailable, EngineError) as e:
        log.warning("specifications unavailable", account=str(account), error=str(e))


def specifications_traded(*, account: Account) -> list[str]:
    """Names of the symbols that deployments trade at the account's source."""
    deployments = Deployment.objects.filter(symbol__source=account.source)
    return sorted(set(deployments.values_list("symbol__name", flat=True)))


def specifications_enqueue() -> int:
    """Let workers read the specifications of everything that deployments trade; how many accounts.

    For the gateway, at its start and once a day.
    """
    count = 0
    for account in Account.objects.filter(kind="metaapi"):
        if specifications_traded(account=account) and _is_first(account):
            async_task(SYNC_TASK, account.pk, save=False)
            count += 1
    return count


def _is_first(account: Account) -> bool:
    try:
        return bool(cache.add(f"specifications:{account.pk}", 1, REFRESH_ONCE_IN))
    except RedisError:
        return True


def _zone_of(source: str, client: SpecificationClient, names: Sequence[str]) -> str:
    """The rule of the broker's clock, from both times of a price; empty where it tells none."""
    stored = Symbol.objects.filter(source=source, sessions__has_key="zone").first()
    for name in names[:3]:
        try:
            fields = Fields("price", client.price(name))
            shown = datetime.fromisoformat(fields.text("brokerTime"))
            likely = stored.sessions["zone"] if stored else ""
            return zone_that_shows(fields.moment("time"), shown.replace(tzinfo=None), likely)
        except (Unavailable, PayloadError, ValueError):  # no price yet: the next one may have it
            continue
    return ""


def _columns(source: str, specification: Specification, zone: str) -> dict[str, Any]:
    """Every column the broker decides on, with its value."""
    instrument, extras = specification.instrument, specification.extras
    return {
        **{name: getattr(instrument, name) for name in _COLUMNS},
        "swap_long": instrument.swap_long.quantize(_SWAP_PLACES),
        "swap_short": instrument.swap_short.quantize(_SWAP_PLACES),
        "digits": extras.digits,
        **_margin_columns(specification),
        "sessions": sessions_json(extras.quote_sessions, extras.trade_sessions, zone),
        "trade_mode": extras.trade_mode,
        "canonical": canonical(instrument.symbol, _known_elsewhere(source)),
    }


def _margin_columns(specification: Specification) -> dict[str, Any]:
    """What margin is made of; a calculation that the broker does not tell stays as it was."""
    instrument, told = specification.instrument, specification.extras.price_calculation_mode
    columns = {
        "margin_initial": instrument.margin_initial,
        "margin_currency": instrument.margin_currency,
    }
    known = told not in UNTOLD
    return {**columns, "calculation": instrument.calculation.value} if known else columns


def _known_elsewhere(source: str) -> set[str]:
    """Canonical names that other sources have given, and names of history without one."""
    others = Symbol.objects.exclude(source=source).values_list("canonical", "name")
    return {known or name for known, name in others}


def _symbol_of(source: str, specification: Specification, zone: str) -> Symbol:
    """The symbol's row, locked until commit; made where there is none."""
    key = {"source": source, "name": specification.instrument.symbol}
    columns = _columns(source, specification, zone)
    _checked(Symbol(**key, **columns))
    symbol, _ = Symbol.objects.get_or_create(**key, defaults=columns)
    return Symbol.objects.select_for_update().get(pk=symbol.pk)


def _save(symbol: Symbol, wanted: Mapping[str, Any]) -> None:
    changed = [name for name, value in wanted.items() if getattr(symbol, name) != value]
    for name in changed:
        setattr(symbol, name, wanted[name])
    if changed:
        symbol.save(update_fields=changed)


def _checked(symbol: Symbol) -> None:
    try:
        symbol.clean_fields()
    except ValidationError as e:
        raise EngineError(f"{symbol}: {'; '.join(e.messages)}") from None


def _row_changes(symbol: Symbol, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Column -> (before, after) of what matters for money; what was not known has not changed."""
    pairs = {name: (getattr(symbol, name), wanted[name]) for name in (*_GRAVE, *_MILD)}
    unknown: tuple[Any, ...] = ("", {})
    return {name: p for name, p in pairs.items() if p[0] != p[1] and p[0] not in unknown}


def _said_changes(before: SymbolSpecification | None, content: Mapping[str, Any]) -> dict[str, Any]:
    if before is None:
        return {}
    pairs = {name: (before.content.get(key), content.get(key)) for name, key in _SAID.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _tell(symbol: Symbol, changes: Mapping[str, tuple[Any, Any]]) -> None:
    is_grave = any(name not in _MILD for name in changes)
    words = ", ".join(name + _short(*pair) for name, pair in changes.items())
    event_append(
        happening=Happening(
            kind="symbol.changed",
            message=f"{symbol}: the broker changed {words}",
            severity=Severity.WARNING if is_grave else Severity.INFO,
            payload={"symbol": str(symbol), "changes": {k: list(v) for k, v in changes.items()}},
        )
    )


def _short(before: Any, after: Any) -> str:
    """Both values where they fit into a sentence."""
    if isinstance(after, dict):
        return ""
    texts = (f"{v.normalize():f}" if isinstance(v, Decimal) else f"{v}" for v in (before, after))
    return " {} -> {}".format(*texts)


def _content(raw: Any) -> Any:
    """The payload as plain JSON, the same whether a number came as 0, 0.0 or Decimal."""
    if isinstance(raw, Mapping):
        return {str(key): _content(value) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [_content(value) for value in raw]
    if isinstance(raw, Decimal | float):
        number = round(float(raw), PLACES)
        return int(number) if number.is_integer() else number
    return raw


def _sha256(content: Any) -> str:
    canonical_json = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical_json.encode()).hexdigest()
