"""Why there is no size: stable codes."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """What a refusal is called everywhere, for ever."""

    BAD_INPUT = "BAD_INPUT"
    """A number that is none, or that cannot be."""
    STOP_REQUIRED = "STOP_REQUIRED"
    """No stop on the side that loses."""
    SPECIFICATION_UNKNOWN = "SPECIFICATION_UNKNOWN"
    """The broker's way to work out profit or margin is not known."""
    TICK_VALUE_MISMATCH = "TICK_VALUE_MISMATCH"
    """Broker and platform disagree on what a tick is worth."""
    FACT_UNKNOWN = "FACT_UNKNOWN"
    """Something that the rule needs is not known (yet)."""
    TOO_FEW_TRADES = "TOO_FEW_TRADES"
    """Kelly: the record is too short."""
    NO_EDGE = "NO_EDGE"
    """Kelly: nothing says that the strategy wins."""
    DRAWDOWN = "DRAWDOWN"
    """Drawdown scaling has come to 0."""
    EQUITY_CURVE = "EQUITY_CURVE"
    """Equity-curve scaling is 0, and the strategy's equity is below its mean."""
    VOLUME_BELOW_MIN = "VOLUME_BELOW_MIN"
    """Less is allowed than the broker's smallest order."""


class Refusal(Exception):
    """Raised inside the package where there is no size; comes out as a `Denied`."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
