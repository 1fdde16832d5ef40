"""The strategy registry: one strategy per file, found here by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from trading.engine.strategies.base import Params, Strategy
from trading.engine.strategies.donchian import Donchian
from trading.engine.strategies.ewma_trend import EwmaTrend
from trading.engine.types import EngineError

REGISTRY: Final[Mapping[str, type[Strategy]]] = {
    strategy.kind: strategy for strategy in (Donchian, EwmaTrend)
}


def get(kind: str) -> type[Strategy]:
    """The strategy class of a kind; EngineError names those that exist."""
    try:
        return REGISTRY[kind]
    except KeyError:
        raise EngineError(f"Expected a strategy among {sorted(REGISTRY)}, was {kind!r}") from None


def params_from(kind: str, values: Mapping[str, object]) -> Params:
    """Validated parameters of a kind from a mapping as stored."""
    return get(kind).params_type.of(values)


def build(kind: str, values: Mapping[str, object]) -> Strategy:
    """A strategy ready to be asked; EngineError as `get` and `params_from`."""
    make: Callable[[Any], Strategy] = get(kind)
    return make(params_from(kind, values))
