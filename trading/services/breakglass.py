"""Closing everything of an account without the database.

The gateway leaves a *card* of every account it takes: how its broker is reached, with the token
encrypted. `manage.py flatten --break-glass` needs the card and FIELD_KEYS, nothing else. It writes
what it does into a *journal*, which the gateway takes in once the database answers again
(`trading.services.journal`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.text import slugify

from trading.brokers import BROKERS
from trading.brokers.base import Broker
from trading.brokers.metaapi import MetaApiBroker, MetaApiClient, Money
from trading.brokers.venue.client import VenueBroker
from trading.engine.types import EngineError, PositionState, RestingOrder, Snapshot
from trading.models import Account
from trading.services.brokers import metaapi_hosts, venue_of

CALL_SECONDS: Final = 10.0
"""A close is harmless to repeat: better to ask again than to wait long for one answer."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
CLEAN_READINGS: Final = 2
"""So many in a row without anything open; an order under way may still show."""
NOTHING: Final[Mapping[str, Any]] = {"position_id": "", "symbol": "", "side": 0, "lots": ""}
log = structlog.get_logger(__name__)
Say = Callable[[str], None]


class BreakGlassError(Exception):
    """The account cannot be reached this way; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Card:
    """How the broker of an account is reached. `sealed` is its token as FIELD_KEYS encrypted it."""

    name: str
    pk: int
    kind: str
    external_id: str
    currency: str
    sealed: str = field(default="", repr=False)

    @property
    def token(self) -> str:
        """The connection's token, empty without one; BreakGlassError when no key opens it."""
        try:
            return _opened(self.sealed, settings.FIELD_KEYS)
        except InvalidToken:
            expected = f"Expected FIELD_KEYS that open the card of {self.name}"
            raise BreakGlassError(
                f"{expected}, was {len(settings.FIELD_KEYS)} other keys"
            ) from None

    @property
    def path(self) -> Path:
        return folder() / f"{slugify(self.name) or 'account'}-{self.pk}.json"


def folder() -> Path:
    """Where cards and journal are; it exists once a gateway has taken an account."""
    return Path(settings.VAR_DIR) / "breakglass"


def card_write(*, account: Account) -> bool:
    """Leave or renew the account's card. A failure is logged and False: trading goes on."""
    try:
        fresh = Account.objects.select_related("connection").get(pk=account.pk)
        _card_save(fresh, fresh.connection.token if fresh.connection else "")
    except Exception:
        log.exception("card not written", account=str(account))
        return False
    return True


def cards_read() -> list[Card]:
    """Every card that can be read, by file name."""
    cards = (_card_read(path) for path in sorted(folder().glob("*.json")))
    return [card for card in cards if card is not None]


def card_find(*, named: str) -> Card:
    """The card of the account of this name or number; BreakGlassError says which there are."""
    cards = cards_read()
    found = [c for c in cards if c.name == named] or [c for c in cards if str(c.pk) == named]
    if len(found) != 1:
        known = ", ".join(f"{c.name} ({c.pk})" for c in cards) or "none"
        raise BreakGlassError(
            f"Expected one card for {named!r} in {folder()}, was {len(found)}; accounts: {known}"
        )
    return found[0]


def broker_of_card(card: Card) -> Broker:
    """The adapter of the card's kind, without the database; BreakGlassError when there is none."""
    if card.kind == "venue":
        try:
            address, name = venue_of(Account(name=card.name, external_id=card.external_id))
        except EngineError as e:
            raise BreakGlassError(str(e)) from e
        return VenueBroker(address, name, min(CALL_SECONDS, settings.TIMING.call_deadline))
    if card.kind == "metaapi":
        if not card.token:
            raise BreakGlassError(f"{card.name}: expected a token on its card, was none")
        client = MetaApiClient(card.token, card.external_id, metaapi_hosts())
        return _OpenNow(client, Money(card.currency))
    if card.kind == "paper":
        raise BreakGlassError(
            f"{card.name}: expected a broker outside, was paper: its broker is the database itself"
        )
    kinds = ", ".join(sorted(BROKERS.keys() - {"paper"}))
    raise BreakGlassError(f"{card.name}: expected a broker kind of {kinds}, was {card.kind!r}")


class _OpenNow(MetaApiBroker):
    """For what is open now a reading of MetaApi is enough: only its history may have holes."""

    def snapshot(self, since: datetime) -> Snapshot:
        return replace(super().snapshot(since), is_complete=True)


@dataclass(frozen=True, slots=True)
class Journal:
    """One line for each thing that is about to be done, on the disk before it is done."""

    card: Card
    actor: str
    reason: str
    complain: Say
    """Told what cannot be written; the closing goes on."""

    @staticmethod
    def path() -> Path:
        return folder() / "journal.jsonl"

    def write(self, kind: str, about: Mapping[str, Any] | None = None, error: str = "") -> None:
        """Append a line and see it onto the disk."""
        entry = {
            "at": datetime.now(UTC).isoformat(),
            "account": self.card.pk,
            "name": self.card.name,
            "external_id": self.card.external_id,
            "kind": kind,
            **(NOTHING if about is None else about),
            "error": error,
            "reason": self.reason,
            "actor": self.actor,
        }
        line = json.dumps(entry)
        try:
            _append(self.path(), line.encode() + b"\n")
        except OSError as e:
            self.complain(f"Journal not written ({e}): {line}")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reading of the broker showed; with a `doubt` what is absent proves nothing."""

    positions: tuple[PositionState, ...] = ()
    orders: tuple[RestingOrder, ...] = ()
    doubt: str = ""

    def __str__(self) -> str:
        open_now = [f"position {_as_text(p)}" for p in self.positions]
        resting = [f"pending order {_as_text(o)}" for o in self.orders]
        return ", ".join([*open_now, *resting, *([self.doubt] if self.doubt else [])])


def card_flatten(*, card: Card, broker: Broker, journal: Journal, wait: float, say: Say) -> str:
    """Close every position and take every pending order back, again and again until the broker
    shows none or `wait` seconds are over; everything is tried once however short that is.

    Returns what is left, empty when the account is flat. Safe to end anywhere and to repeat.
    """
    journal.write("begin")
    left = str(_Flattening(card, broker, journal, say).run(wait))
    journal.write("end", error=left)
    return left


@dataclass(slots=True)
class _Flattening:
    card: Card
    broker: Broker
    journal: Journal
    say: Say

    def run(self, wait: float) -> Seen:
        ends, pause, clean, is_tried = monotonic() + wait, FIRST_PAUSE, 0, False
        while True:
            seen = self._read()
            clean = 0 if str(seen) else clean + 1
            if clean == CLEAN_READINGS or (is_tried and monotonic() >= ends):
                return seen
            self._act(seen)
            is_tried = True
            sleep(max(0.0, min(pause, ends - monotonic())))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _read(self) -> Seen:
        """Positions matter most: they are read even where pending orders cannot be."""
        try:
            snapshot = self.broker.snapshot(datetime.now(UTC))
        except Exception as e:  # noqa: BLE001  whatever it is, there is another way
            doubt = f"pending orders not read ({self._told(e)})"
        else:
            doubt = "" if snapshot.is_complete else "the broker still synchronises"
            return Seen(snapshot.account.positions, snapshot.orders, doubt)
        try:
            return Seen(self.broker.account().positions, (), doubt)
        except Exception as e:  # noqa: BLE001  whatever it is, it is tried again
            return Seen((), (), f"the broker cannot be read ({self._told(e)})")

    def _act(self, seen: Seen) -> None:
        if seen.doubt:
            self.say(f"{self.card.name}: {seen.doubt}")
        for position in seen.positions:
            self._do("close", "closed", position, partial(self.broker.close, position.id))
        for order in seen.orders:
            self._do("cancel", "cancelled", order, partial(self._cancel, order))

    def _cancel(self, order: RestingOrder) -> None:
        if not order.client_id:
            raise BreakGlassError("Expected a client id, was none: take it back in a terminal")
        self.broker.cancel(order.client_id)

    def _do(
        self, kind: str, done: str, item: PositionState | RestingOrder, call: Callable[[], object]
    ) -> None:
        """Announce, do, tell; what fails must not keep the others open."""
        about = {
            "position_id": item.id,
            "symbol": item.symbol,
            "side": item.side,
            "lots": f"{item.lots:f}",
        }
        self.journal.write(kind, about)
        error = ""
        try:
            call()
        except Exception as e:  # noqa: BLE001  whatever it is, the others are next
            error = self._told(e)
        self.journal.write("failed" if error else done, about, error)
        self.say(f"{self.card.name}: {kind} {_as_text(item)}: {error or done}")

    def _told(self, error: Exception) -> str:
        """The error without the token, should a library have put it there."""
        text = f"{type(error).__name__}: {error}"
        with suppress(BreakGlassError):
            text = text.replace(self.card.token, "***") if self.card.token else text
        return text[:300]


def _as_text(item: PositionState | RestingOrder) -> str:
    side = "long" if item.side > 0 else "short"
    return f"{side} {item.lots.normalize():f} {item.symbol} #{item.id}"


def file_replace(path: Path, text: str) -> None:
    """Write a private file so that it is there whole or as it was, whatever happens."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _append(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # the one before was cut off; it must not spoil this one
        written = os.write(descriptor, line)
        if written != len(line):
            raise OSError(f"expected {len(line)} bytes to be written, was {written}")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not size:
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _card_save(account: Account, token: str) -> None:
    card = Card(account.name, account.pk, account.kind, account.external_id, account.currency)
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    folder().chmod(0o700)
    if not _is_there(card, token):
        sealed = _keys(settings.FIELD_KEYS).encrypt(token.encode()).decode() if token else ""
        content = {
            "name": card.name,
            "pk": card.pk,
            "kind": card.kind,
            "external_id": card.external_id,
            "currency": card.currency,
            "token": sealed,
        }
        file_replace(card.path, json.dumps(content, indent=2))
    for other in folder().glob(f"*-{card.pk}.json"):  # the account had another name
        if other != card.path:
            other.unlink(missing_ok=True)


def _is_there(card: Card, token: str) -> bool:
    """Whether the card on the disk says the same, and the newest key opens it."""
    there = _card_read(card.path) if card.path.exists() else None
    if there is None or replace(there, sealed="") != card:
        return False
    try:
        return _opened(there.sealed, settings.FIELD_KEYS[:1]) == token
    except InvalidToken:
        return False


def _card_read(path: Path) -> Card | None:
    try:
        content = json.loads(path.read_text())
        texts = [str(content[name]) for name in ("kind", "external_id", "currency", "token")]
        return Card(str(content["name"]), int(content["pk"]), *texts)
    except (OSError, ValueError, KeyError, TypeError) as e:
        log.warning("card unreadable", path=str(path), error=str(e))
        return None


def _opened(sealed: str, keys: list[str]) -> str:
    return _keys(keys).decrypt(sealed.encode()).decode() if sealed else ""


def _keys(keys: list[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
