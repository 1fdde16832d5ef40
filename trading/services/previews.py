"""What a deployment would trade now, for people to see: read and decided as a run does it."""

from __future__ import annotations

from collections.abc import Mapping

from trading.brokers.base import Unavailable
from trading.engine.decide import preview
from trading.engine.types import LONG, SHORT, Denied, EngineError, OrderIntent
from trading.models import Deployment
from trading.services.runs import NotAnswerable, Reading, situation_of


def trade_preview(*, deployment: Deployment) -> Mapping[int, OrderIntent | Denied]:
    """The entry to either side, at the distances of the newest closed bar, or its refusal.

    The broker is asked, as before an order; whether the strategy has a fresh signal is not.
    """
    try:
        seen = situation_of(deployment, Reading())
        found = preview(seen.plan, seen.bars, seen.scene)
    except NotAnswerable as e:
        return _refused(e.code, str(e))
    except Unavailable as e:
        return _refused("BROKER_UNAVAILABLE", str(e))
    except EngineError as e:
        return _refused("BAD_INPUT", str(e))
    if found:
        return found
    least = seen.plan.strategy.warmup + 1
    return _refused("WARMING_UP", f"Expected {least} closed bars, was {len(seen.bars)}")


def _refused(code: str, message: str) -> Mapping[int, Denied]:
    return dict.fromkeys((LONG, SHORT), Denied(code, message))
