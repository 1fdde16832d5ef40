"""What MetaApi says of an account, written into its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from trading.brokers.metaapi import ManagedAccount
from trading.brokers.metaapi.information import AccountFacts
from trading.models import Account, Connection, Severity
from trading.selectors.netting import shared_symbols
from trading.services.accounts import WAITING, account_halt
from trading.services.events import Happening, event_append

GONE: Final = "GONE"
"""Remote state of an account that MetaApi no longer lists."""
DEPLOYED: Final = "DEPLOYED"
SHOWN: Final = 3
"""Digits of a login that are kept."""
LONGEST: Final = {"server": 80, "region": 40, "remote_state": 40}


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at an account; no facts while its terminal has not reached the broker."""

    managed: ManagedAccount
    facts: AccountFacts | None = None


def source_of(external_id: str) -> str:
    """The price source of a MetaApi account: after the begin of its id, or after all of it where
    another account has the same begin."""
    source = f"metaapi-{external_id[:8]}"
    others = Account.objects.filter(kind="metaapi", source=source)
    if others.exclude(external_id=external_id).exists():
        return f"metaapi-{external_id.replace('-', '')[:32]}"
    return source


def login_masked(login: str) -> str:
    """All but the last three digits as stars; a login of three digits or fewer shows none."""
    shown = login[-SHOWN:] if len(login) > SHOWN else ""
    return ("*" * (len(login) - len(shown)) + shown)[-20:]


@transaction.atomic
def account_record(*, connection: Connection, sight: Sight) -> tuple[Account, str]:
    """The row of the account, made or brought up to date, and what happened: "created",
    "updated" or "".

    There is one row for an account, whichever connection lists it: two would trade it twice.
    """
    _records_lock()
    managed = sight.managed
    row = Account.objects.filter(kind="metaapi", external_id=managed.id).order_by("pk").first()
    if row is None:
        return _created(connection, sight), "created"
    changes = _changes(row, connection, sight)
    if not changes:
        return row, ""
    for name, (_, value) in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))
    told = {name.removesuffix("_id"): list(pair) for name, pair in changes.items()}
    words = ", ".join(f"{name} {pair[1]}" for name, pair in told.items())
    _tell(row, "account.updated", f"{row}: MetaApi says {words}", {"changes": told})
    _halt_shared(row, changes)
    return row, "updated"


@transaction.atomic
def account_gone(*, account: Account, why: str) -> bool:
    """Mark an account that MetaApi no longer lists and halt it; False when it is marked already."""
    present = Account.objects.filter(pk=account.pk).exclude(remote_state=GONE)
    if not present.update(remote_state=GONE):
        return False
    _tell(account, "account.updated", f"{account}: gone from MetaApi", {"remote_state": GONE})
    account_halt(account=account, reason=f"Gone from MetaApi: {why}")
    return True


def _records_lock() -> None:
    """One writer at a time: nothing else keeps two from making a row for the same account."""
    locked = Connection.objects.select_for_update().order_by("pk")
    list(locked.values_list("pk", flat=True))


def _created(connection: Connection, sight: Sight) -> Account:
    managed = sight.managed
    columns = _columns(sight)
    row = Account.objects.create(
        name=_free_name(managed.name.strip()[:70] or placeholder(managed.id)),
        kind="metaapi",
        connection_id=connection.pk,
        external_id=managed.id,
        source=source_of(managed.id),
        state=Account.State.HALTED,
        state_reason=WAITING,
        **{"is_demo": False, **columns},
    )
    message = f"{row}: new account of {connection.name}, {'demo' if row.is_demo else 'real money'}"
    _tell(row, "account.created", message, {"connection": connection.pk})
    return row


def _changes(
    row: Account, connection: Connection, sight: Sight
) -> dict[str, tuple[object, object]]:
    """Old and new value of every column that changes."""
    columns = _columns(sight)
    if (
        row.observed_at is not None
    ):  # money was counted in it: another one is the broker's to refuse
        columns.pop("currency", None)
    if row.connection_id is None:
        columns["connection_id"] = connection.pk
    if not row.source.startswith("metaapi-"):
        columns["source"] = source_of(row.external_id)
    if row.name == placeholder(row.external_id) and sight.managed.name.strip():
        columns["name"] = _free_name(sight.managed.name.strip()[:70])
    before = {name: getattr(row, name) for name in columns}
    return {n: (before[n], value) for n, value in columns.items() if before[n] != value}


def placeholder(external_id: str) -> str:
    """The name of an account before MetaApi has told its own."""
    return f"MetaApi {external_id[:8]}"


def _columns(sight: Sight) -> dict[str, Any]:
    """What the look told; what it did not tell is absent."""
    managed, facts = sight.managed, sight.facts
    platform = managed.platform if managed.platform in Account.Platform.values else ""
    told: dict[str, Any] = {
        "platform": platform,
        "server": managed.server,
        "login": login_masked(managed.login),
        "region": managed.region,
        "remote_state": managed.state,
    }
    columns = {name: value[: LONGEST.get(name, 20)] for name, value in told.items() if value}
    return columns if facts is None else columns | _facts(facts)


def _facts(facts: AccountFacts) -> dict[str, Any]:
    modes = {True: Account.PositionMode.NETTING.value, False: Account.PositionMode.HEDGING.value}
    told = {
        "currency": facts.currency,
        "leverage": facts.leverage,
        "is_demo": facts.is_demo,
        "position_mode": None if facts.is_netting is None else modes[facts.is_netting],
    }
    return {name: value for name, value in told.items() if value is not None}


def _free_name(wanted: str) -> str:
    """The name, or the name with a number where another account has it."""
    taken = set(Account.objects.filter(name__startswith=wanted).values_list("name", flat=True))
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted} {number}"
    return name


def _halt_shared(row: Account, changes: Mapping[str, object]) -> None:
    if "position_mode" not in changes or row.position_mode != Account.PositionMode.NETTING:
        return
    shared = shared_symbols(account=row)
    if shared:
        names = ", ".join(shared)
        account_halt(
            account=row, reason=f"It nets its positions, and several deployments run on {names}"
        )


def _tell(account: Account, kind: str, message: str, payload: Mapping[str, object]) -> None:
    severity = Severity.WARNING if payload.get("remote_state") == GONE else Severity.INFO
    event_append(
        happening=Happening(
            kind=kind, message=message, severity=severity, account=account, payload=payload
        )
    )
