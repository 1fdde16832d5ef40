"""Lots from a rule, an account and a stop, exact in Decimal, with every factor on record.

`size_position` is the only way to a size: live, paper and preview call it, and the simulator's
compiled `twin` comes to the same steps.
"""

from trading.engine.sizing.caps import Caps
from trading.engine.sizing.facts import Facts, Record
from trading.engine.sizing.losses import is_same_tick_value
from trading.engine.sizing.position import loss_per_lot, margin_per_lot, size_position
from trading.engine.sizing.refusals import Code
from trading.engine.sizing.request import Sizing, SizingRequest
from trading.engine.sizing.rules import (
    PERCENT_AT_STOP,
    Base,
    Method,
    SizingRule,
    fractional,
    rule_of,
)

__all__ = [
    "PERCENT_AT_STOP",
    "Base",
    "Caps",
    "Code",
    "Facts",
    "Method",
    "Record",
    "Sizing",
    "SizingRequest",
    "SizingRule",
    "fractional",
    "is_same_tick_value",
    "loss_per_lot",
    "margin_per_lot",
    "rule_of",
    "size_position",
]
