"""Ready-made limits: files of `trading/presets`, written down for an account."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.timezone import now

from trading.engine.risk import Control
from trading.engine.types import EngineError
from trading.models import Account, Challenge, RiskLimit, Severity
from trading.services.events import Happening, event_append
from trading.services.limits import terms_of

FOLDER = Path(__file__).parents[1] / "presets"
SAME = ("control", "unit", "action", "period", "trailing")
"""Of an account there is one limit for each of these."""
MONEY = ("value", "lock", "profit_target", "day_profit", "best_day")


@dataclass(frozen=True, slots=True)
class Preset:
    """A file: its limits as columns of rows, and what each phase of its programme wants."""

    name: str
    title: str
    note: str
    limits: Sequence[Mapping[str, Any]]
    phases: Sequence[Mapping[str, Any]]

    def phase(self, number: int) -> Mapping[str, Any] | None:
        """One of them, the first is 1; None where the preset is of no programme."""
        if not self.phases:
            return None
        if not 1 <= number <= len(self.phases):
            raise EngineError(f"{self.title}: expected phase 1 to {len(self.phases)}, was {number}")
        return self.phases[number - 1]


@cache
def presets() -> Mapping[str, Preset]:
    """Every preset by its name; EngineError names the file that makes no sense."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.json"))}


def preset_named(name: str) -> Preset:
    """EngineError tells which there are."""
    if name not in presets():
        raise EngineError(f"Expected a preset among {', '.join(presets())}, was {name!r}")
    return presets()[name]


@dataclass(frozen=True, slots=True)
class Applying:
    """How a preset is applied: for which phase, from which initial balance (None: as known, else
    the balance of now), and whether the account's other limits are switched off."""

    phase: int = 1
    initial: Decimal | None = None
    alone: bool = False


@transaction.atomic
def preset_apply(
    *, preset: Preset, account: Account, actor: AbstractBaseUser | str, how: Applying = Applying()
) -> list[RiskLimit]:
    """Set its limits for the account, and what its phase wants; limits that say the same are
    changed. EngineError without an initial balance where one is needed."""
    phase = preset.phase(how.phase)
    _settle_initial(account, how, needed=phase is not None)
    rows = [_set(account, dict(columns)) for columns in preset.limits]
    others = RiskLimit.objects.filter(account=account, enabled=True)
    off = others.exclude(pk__in=[row.pk for row in rows])
    switched_off = off.update(enabled=False) if how.alone else 0
    if phase is not None:
        goals = {"started_at": now(), "note": preset.note, **_GOALS, **phase}
        Challenge.objects.update_or_create(account=account, defaults=goals)
    _tell(preset, account, actor, {"limits": len(rows), "switched_off": switched_off})
    return rows


def _settle_initial(account: Account, how: Applying, *, needed: bool) -> None:
    known = how.initial or account.initial_balance or account.balance
    if known <= 0:
        if needed:
            raise EngineError(f"{account}: expected an initial balance above 0, was {known}")
        return
    if known != account.initial_balance:
        account.initial_balance = known
        account.save(update_fields=["initial_balance"])


def _set(account: Account, columns: dict[str, Any]) -> RiskLimit:
    same = {name: columns.pop(name) for name in SAME}
    row, _ = RiskLimit.objects.update_or_create(
        account=account, **same, defaults={**columns, "enabled": True}
    )
    return row


def _read(path: Path) -> Preset:
    content = json.loads(path.read_text())
    try:
        limits = [_columns(limit) for limit in content["limits"]]
        phases = [_typed(phase) for phase in content.get("phases", [])]
    except (KeyError, ValueError) as e:
        raise EngineError(f"{path.name}: {e}") from e
    return Preset(path.stem, content["title"], content["note"], limits, phases)


def _columns(limit: Mapping[str, Any]) -> Mapping[str, Any]:
    """All columns of the row, checked as the engine checks them."""
    control = Control(limit["control"])
    columns = {"trailing": "STATIC", **terms_of(control), **_typed(limit)}
    RiskLimit(**columns).limit()
    return columns


def _typed(columns: Mapping[str, Any]) -> dict[str, Any]:
    """JSON as what the columns hold."""
    typed: dict[str, Any] = dict(columns)
    for name in (*MONEY, "reset"):
        if name in typed:
            text = str(typed[name])
            typed[name] = time.fromisoformat(text) if name == "reset" else Decimal(text)
    return typed


def _tell(
    preset: Preset, account: Account, actor: AbstractBaseUser | str, counts: Mapping[str, int]
) -> None:
    who = actor if isinstance(actor, str) else actor.get_username()
    event_append(
        happening=Happening(
            kind="limit.preset",
            message=f"{account}: limits of {preset.title} set by {who}",
            severity=Severity.WARNING,
            account=account,
            payload={"preset": preset.name, "actor": who, **counts},
        )
    )


_GOALS: Mapping[str, Any] = {
    "profit_target": None,
    "min_days": 0,
    "min_profit_days": 0,
    "day_profit": Decimal(0),
    "best_day": None,
    "best_day_of": Challenge.BestDayOf.TOTAL.value,
}
"""What a phase that does not say so does not want."""
