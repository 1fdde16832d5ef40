"""Limits written down: with the terms that their control has unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading.engine.risk import Control, Period
from trading.models import RiskLimit


def limit_create(*, control: Control, value: Decimal | int | str, **given: Any) -> RiskLimit:
    """One limit; `given` are columns, for example `account`. EngineError when it makes no sense."""
    return RiskLimit.objects.create(control=control, value=value, **{**terms_of(control), **given})


def terms_of(control: Control) -> Mapping[str, Any]:
    """The columns of a new limit that its control decides."""
    spec = control.spec
    return {
        "unit": spec.units[0].value,
        "action": spec.actions[0].value,
        "period": Period.DAY.value if spec.periodic else "",
        "window": spec.window,
        "hard": spec.hard,
    }
