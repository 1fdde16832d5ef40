"""Risk: the catalogue of controls, limits as values, and whether an order may pass.

`Limits` is the small value that `decide`, sizing and simulator keep to; `LimitSet` is everything
that holds for a deployment, for the gate and the guard.
"""

from trading.engine.risk.controls import GATE_ORDER, SPECS, Control
from trading.engine.risk.correlation import Correlations, correlations_of
from trading.engine.risk.days import (
    day_start,
    next_reset,
    next_rollover,
    period_start,
    rollovers,
    swap_nights,
)
from trading.engine.risk.decision import Limits, denial
from trading.engine.risk.exposure import (
    Exposure,
    Holding,
    Stake,
    correlated,
    exposure_of,
    exposure_together,
    holding_of,
    loss_to_stop_out,
)
from trading.engine.risk.kinds import (
    Action,
    Judged,
    Period,
    Reference,
    Scope,
    Subject,
    Trailing,
    Unit,
    Wins,
)
from trading.engine.risk.limits import (
    Clock,
    Limit,
    LimitIndex,
    LimitSet,
    Place,
    effective,
    limit_of,
    preset_limit,
)
from trading.engine.risk.references import DrawdownState, Floor, Reading, floor_of
from trading.engine.risk.spec import ControlSpec, Preset

__all__ = [
    "GATE_ORDER",
    "SPECS",
    "Action",
    "Clock",
    "Control",
    "ControlSpec",
    "Correlations",
    "DrawdownState",
    "Exposure",
    "Floor",
    "Holding",
    "Judged",
    "Limit",
    "LimitIndex",
    "LimitSet",
    "Limits",
    "Period",
    "Place",
    "Preset",
    "Reading",
    "Reference",
    "Scope",
    "Stake",
    "Subject",
    "Trailing",
    "Unit",
    "Wins",
    "correlated",
    "correlations_of",
    "day_start",
    "denial",
    "effective",
    "exposure_of",
    "exposure_together",
    "floor_of",
    "holding_of",
    "limit_of",
    "loss_to_stop_out",
    "next_reset",
    "next_rollover",
    "period_start",
    "preset_limit",
    "rollovers",
    "swap_nights",
]
