"""The catalogue of controls: what a limit can limit, and everything that is fixed about it.

The catalogue ids follow SEC rule 15c3-5 and RTS 6 (Commission Delegated Regulation (EU) 2017/589):
O of the order, S of strategy and symbol, C of currencies, A of the account, G global.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from trading.engine.risk.account_specs import ACCOUNT_SPECS
from trading.engine.risk.order_specs import ORDER_SPECS
from trading.engine.risk.spec import ControlSpec


class Control(StrEnum):
    """The controls a limit can set, in the order in which the gate asks them: cheap first."""

    SAFE_MODE = "SAFE_MODE"
    IN_DOUBT = "IN_DOUBT"
    SIGNAL_AGE = "SIGNAL_AGE"
    QUOTE_AGE = "QUOTE_AGE"
    MAX_SPREAD = "MAX_SPREAD"
    ROLLOVER_WINDOW = "ROLLOVER_WINDOW"
    NEWS_WINDOW = "NEWS_WINDOW"
    NEWS_CLOSES = "NEWS_CLOSES"
    WEEKEND_WINDOW = "WEEKEND_WINDOW"
    WEEKEND_FLAT = "WEEKEND_FLAT"
    STOP_REQUIRED = "STOP_REQUIRED"
    MAX_STOP = "MAX_STOP"
    ORDER_FORM = "ORDER_FORM"
    DUPLICATE = "DUPLICATE"
    PRICE_COLLAR = "PRICE_COLLAR"
    MAX_LOTS = "MAX_LOTS"
    MAX_VALUE = "MAX_VALUE"
    USUAL_LOTS = "USUAL_LOTS"
    SLIPPAGE = "SLIPPAGE"
    MAX_POSITIONS = "MAX_POSITIONS"
    MAX_OPEN_LOTS = "MAX_OPEN_LOTS"
    LOSS_STREAK = "LOSS_STREAK"
    STRATEGY_LOSS = "STRATEGY_LOSS"
    STRATEGY_DRAWDOWN = "STRATEGY_DRAWDOWN"
    CURRENCY_EXPOSURE = "CURRENCY_EXPOSURE"
    CORRELATED_EXPOSURE = "CORRELATED_EXPOSURE"
    OPEN_RISK = "OPEN_RISK"
    DAILY_LOSS = "DAILY_LOSS"
    DAILY_LOSS_USED = "DAILY_LOSS_USED"
    MAX_DRAWDOWN = "MAX_DRAWDOWN"
    EQUITY_STOP = "EQUITY_STOP"
    MARGIN_LEVEL = "MARGIN_LEVEL"
    MARGIN_USE = "MARGIN_USE"
    RECON_MISMATCH = "RECON_MISMATCH"
    BALANCE_MOVED = "BALANCE_MOVED"
    GLOBAL_LOSS = "GLOBAL_LOSS"
    GLOBAL_EXPOSURE = "GLOBAL_EXPOSURE"
    GLOBAL_POSITIONS = "GLOBAL_POSITIONS"
    MAX_MESSAGES = "MAX_MESSAGES"
    REPEATED_ENTRIES = "REPEATED_ENTRIES"

    @property
    def spec(self) -> ControlSpec:
        return SPECS[self]

    @property
    def label(self) -> str:
        return self.spec.label


SPECS: Final[Mapping[Control, ControlSpec]] = {
    control: {**ORDER_SPECS, **ACCOUNT_SPECS}[control.value] for control in Control
}
"""Everything that is fixed about each control."""
GATE_ORDER: Final[Mapping[Control, int]] = {control: n for n, control in enumerate(Control)}
INPUT_MISSING: Final = "INPUT_MISSING"
INPUT_INVALID: Final = "INPUT_INVALID"
INPUT_STALE: Final = "INPUT_STALE"
"""Codes of a refusal because a control could not be judged: not known, no number, too old."""
