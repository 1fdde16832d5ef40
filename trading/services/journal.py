"""Taking the break-glass journal into the event log once the database answers again."""

from __future__ import annotations

import fcntl
import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from trading.models import Account, Event, KillMode, Severity
from trading.services.breakglass import Journal, file_replace, folder
from trading.services.events import Happening, event_append
from trading.services.switches import Scope, kill_pull

KINDS: Final = ("begin", "close", "closed", "cancel", "cancelled", "failed", "end")
UNREADABLE: Final = "unreadable"
LOUD: Final = ("begin", "failed", UNREADABLE)
LONGEST: Final = 300


def journal_ingest() -> int:
    """One event for each line not taken in yet, and a FLATTEN switch on its account; how many.

    Nothing is taken in twice, also when the offset file is lost or another gateway does the same.
    Costs two readings of small files while there is nothing new. Raises OSError.
    """
    path = Journal.path()
    if not path.exists() or path.stat().st_size == _offset(path):
        return 0
    with (folder() / "journal.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another gateway of this directory is at it
            return 0
        return _ingest(path)


def _ingest(path: Path) -> int:
    offset = _offset(path)
    with path.open("rb") as journal:
        journal.seek(offset)
        *lines, _being_written = journal.read().split(b"\n")
    new = sum(_line_ingest(line) for line in lines if line.strip())
    file_replace(_offset_path(), str(offset + sum(len(line) + 1 for line in lines)))
    return new


@transaction.atomic
def _line_ingest(line: bytes) -> bool:
    """The event and the switch together; False when the log has the line already."""
    entry, mark = _entry_of(line), sha256(line).hexdigest()
    kind = f"breakglass.{entry['kind']}"
    if Event.objects.filter(kind=kind, payload__line=mark).exists():
        return False
    account = _account_of(entry)
    event_append(
        happening=Happening(
            kind=kind,
            message=_message(entry, account),
            severity=Severity.CRITICAL if entry["kind"] in LOUD else Severity.WARNING,
            account=account,
            payload={**entry, "line": mark},
        )
    )
    if account is not None:
        kill_pull(
            scope=Scope(account=account),
            mode=KillMode.FLATTEN,
            reason=f"break-glass: {entry.get('reason', '')}",
            actor=entry.get("actor", ""),
        )
    return True


def _entry_of(line: bytes) -> dict[str, str]:
    """The line's fields as text that a database takes; what is no entry becomes UNREADABLE."""
    content: Any = None
    with suppress(ValueError, RecursionError):
        content = json.loads(line)
    if not isinstance(content, dict) or content.get("kind") not in KINDS:
        return {"kind": UNREADABLE, "text": _clean(line.decode(errors="replace"))}
    return {_clean(name): _clean(str(value)) for name, value in content.items()}


def _clean(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()[:LONGEST]


def _account_of(entry: dict[str, str]) -> Account | None:
    """By name, for the database may be a new one with other numbers; else renamed meanwhile."""
    named = Account.objects.filter(name=entry.get("name", "")).first()
    number, external_id = entry.get("account", ""), entry.get("external_id", "")
    if named is not None or not (number.isdecimal() and external_id):
        return named
    return Account.objects.filter(pk=int(number), external_id=external_id).first()


def _message(entry: dict[str, str], account: Account | None) -> str:
    if entry["kind"] == UNREADABLE:
        return f"Expected a line of the break-glass journal, was {entry['text']!r}"
    who = str(account) if account else f"{entry.get('name')} (no account here)"
    what = " ".join(entry.get(name, "") for name in ("lots", "symbol")).strip()
    position = f" {what} #{entry['position_id']}" if entry.get("position_id") else ""
    error = f": {entry['error']}" if entry.get("error") else ""
    return f"{who}: break-glass {entry['kind']}{position} by {entry.get('actor')}{error}"


def _offset(path: Path) -> int:
    """How far the journal is taken in; 0 when the mark is lost or is not of this journal."""
    try:
        offset = int(_offset_path().read_text())
    except (FileNotFoundError, ValueError):
        return 0
    with path.open("rb") as journal:
        journal.seek(max(offset - 1, 0))
        return offset if journal.read(1) == b"\n" else 0


def _offset_path() -> Path:
    return folder() / "journal.offset"
