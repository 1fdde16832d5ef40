"""The result of a drill: what must be zero, what was done, and the logs of faults."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from tradebot.drill.plan import Plan
from tradebot.drill.verdict import Verdict
from trading.models import Order, StrategyRun

LOG_TAIL = 4000


def report(
    plan: Plan, verdict: Verdict, figures: Mapping[str, Any], *, seconds: float
) -> dict[str, Any]:
    """One object for JSON; `figures` are the scenario's own. Faults come with the logs."""
    result = {
        "scenario": plan.scenario,
        "broker": plan.broker,
        "seed": plan.seed,
        "database": connection.vendor,
        "seconds": round(seconds, 1),
        "broker_executions": verdict.executions,
        **verdict.counts,
        **figures,
        "entries": _count(Order.objects.filter(purpose="ENTRY"), "status"),
        "answers": _count(StrategyRun.objects.exclude(code=""), "code"),
    }
    if verdict.faults:
        result["faults"] = {name: list(found)[:20] for name, found in verdict.faults.items()}
        result["logs"] = logs()
    return result


def logs() -> str:
    """The end of what the processes wrote."""
    folder = Path(os.environ["TRADEBOT_VAR"])
    files = sorted(folder.glob("*.log"))
    return "\n".join(f"== {f.name}\n{f.read_text(errors='replace')[-LOG_TAIL:]}" for f in files)


def _count(rows: QuerySet[Any], column: str) -> dict[str, int]:
    return dict(sorted(Counter(rows.values_list(column, flat=True)).items()))
