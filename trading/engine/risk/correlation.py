"""How symbols move together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np

from trading.engine.types import EngineError, FloatArray

DECAY: Final = 0.94
"""Of daily returns, RiskMetrics (J.P. Morgan/Reuters, Technical Document, 1996)."""
LEAST_RETURNS: Final = 20
"""Fewer say nothing."""


@dataclass(frozen=True, slots=True)
class Correlations:
    """Correlation by symbol and symbol, -1 to 1; what is missing is not known."""

    table: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one, row in self.table.items():
            for other, rho in row.items():
                if not (rho.is_finite() and -1 <= rho <= 1):
                    raise EngineError(
                        f"Expected a correlation of {one} and {other} from -1 to 1, was {rho}"
                    )

    def of(self, one: str, other: str) -> Decimal:
        """EngineError where it is not known."""
        if one == other:
            return Decimal(1)
        found = self.table.get(one, {}).get(other)
        if found is None:
            raise EngineError(f"Expected a correlation of {one} and {other}, was {found}")
        return found


def correlations_of(returns: Mapping[str, FloatArray], decay: float = DECAY) -> Correlations:
    """Exponentially weighted correlation of daily returns about zero, oldest first.

    The arrays are of the same days. A symbol with too few returns, with one that is not finite or
    without any movement is left out.
    """
    lengths = {len(column) for column in returns.values()}
    if len(lengths) > 1:
        raise EngineError(f"Expected returns of the same days, was {sorted(lengths)} of them")
    names = [name for name, column in returns.items() if _is_usable(column)]
    if not names:
        return Correlations()
    columns = np.array([returns[name] for name in names])
    weights = decay ** np.arange(columns.shape[1])[::-1]
    covariance = (columns * weights) @ columns.T
    spread = np.sqrt(np.diag(covariance))
    matrix = np.clip(covariance / np.outer(spread, spread), -1.0, 1.0)
    return Correlations(
        {
            name: {other: Decimal(f"{matrix[i, j]:.6f}") for j, other in enumerate(names) if i != j}
            for i, name in enumerate(names)
        }
    )


def _is_usable(column: FloatArray) -> bool:
    return bool(len(column) >= LEAST_RETURNS and np.isfinite(column).all() and column.any())
