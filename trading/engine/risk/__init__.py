"""Risk: the catalogue of controls, limits as values, and whether an order may pass.

`Limits` is the small value that `decide`, sizing and simulator keep to; `LimitSet` is everything
that holds for a deployment, for the gate and the guard.
"""

from trading.engine.risk.checks import (
    CHECKS,
    evaluate,
    first_denial,
    judge,
    size_factor,
)
from trading.engine.risk.controls import (
    GATE_ORDER,
    INPUT_INVALID,
    INPUT_MISSING,
    INPUT_STALE,
    SPECS,
    Control,
)
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
from trading.engine.risk.facts import (
    AccountFacts,
    Facts,
    HistoryFacts,
    OrderFacts,
    SubjectFacts,
)
from trading.engine.risk.findings import Case, Finding
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
    "CHECKS",
    "GATE_ORDER",
    "INPUT_INVALID",
    "INPUT_MISSING",
    "INPUT_STALE",
    "SPECS",
    "AccountFacts",
    "Action",
    "Case",
    "Clock",
    "Control",
    "ControlSpec",
    "Correlations",
    "DrawdownState",
    "Exposure",
    "Facts",
    "Finding",
    "Floor",
    "HistoryFacts",
    "Holding",
    "Judged",
    "Limit",
    "LimitIndex",
    "LimitSet",
    "Limits",
    "OrderFacts",
    "Period",
    "Place",
    "Preset",
    "Reading",
    "Reference",
    "Scope",
    "Stake",
    "Subject",
    "SubjectFacts",
    "Trailing",
    "Unit",
    "Wins",
    "correlated",
    "correlations_of",
    "day_start",
    "denial",
    "effective",
    "evaluate",
    "exposure_of",
    "exposure_together",
    "first_denial",
    "floor_of",
    "holding_of",
    "judge",
    "limit_of",
    "loss_to_stop_out",
    "next_reset",
    "next_rollover",
    "period_start",
    "preset_limit",
    "rollovers",
    "size_factor",
    "swap_nights",
]
