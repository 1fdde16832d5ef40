"""How large a deployment's trades are: its form's fields, and what would be traded now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trading.engine.types import LONG, SHORT, Denied, EngineError, OrderIntent
from trading.models import Deployment
from trading.services.previews import trade_preview

METHOD_FIELDS: Final = (
    ("sizing_method", "sizing_base"),
    ("risk_percent", "sizing_value"),
    ("atr_multiple", "measured_bars"),
    "kelly_start_percent",
)
SCALING_FIELDS: Final = (
    ("drawdown_from", "drawdown_to"),
    "curve_factor",
    ("gap_ticks", "expected_nights"),
    ("max_risk_coefficient", "max_leverage"),
)
FIELDSETS: Final[list[Any]] = [
    (
        "How large a trade is",
        {
            "fields": METHOD_FIELDS,
            "description": "Lots are whole steps, never rounded up; limits and margin cap them.",
        },
    ),
    ("Smaller or not at all", {"fields": SCALING_FIELDS, "classes": ["collapse"]}),
]
SIZING_FIELDS: Final = tuple(
    name
    for row in (*METHOD_FIELDS, *SCALING_FIELDS)
    for name in ((row,) if isinstance(row, str) else row)
)
LABELS: Final[Mapping[str, str]] = {
    "method": "Method",
    "stop_distance": "Distance of the stop, price",
    "slippage": "Slippage on both sides, price",
    "gap": "Allowance for a gap, price",
    "rate": "Account currency for a unit of profit",
    "commission": "Commission of a lot",
    "swap": "Swap of the expected nights, a lot",
    "loss_per_lot": "Loss of a lot at the stop",
    "base_name": "Base",
    "base": "Base, money",
    "risk_percent": "Percent of the base at risk",
    "target_percent": "Volatility aimed at, percent a year",
    "annual_volatility": "Volatility of the symbol, a year",
    "notional": "Value aimed at, money",
    "fixed_lots": "Lots asked for",
    "trades": "Closed trades",
    "win_rate": "Least likely win rate",
    "payoff": "Mean win over mean loss",
    "kelly": "Kelly's fraction",
    "drawdown": "Drawdown, percent",
    "drawdown_scale": "Multiplied for the drawdown",
    "curve_scale": "Multiplied for the equity curve",
    "risk_money": "Money that may be lost",
    "raw_lots": "Lots before caps and steps",
    "binding": "Bound by",
    "margin": "Margin of the order",
    "margin_level_after": "Margin level after it, percent",
    "loss_to_stop_out_after": "Loss to the stop-out after it",
}
Row = tuple[str, str, str]
"""A label, and what it is for a buy and for a sell."""


def sizing_problem(data: Mapping[str, Any]) -> str | None:
    """What is wrong with the fields together; None where one is missing, which says so itself."""
    if any(name not in data for name in SIZING_FIELDS):
        return None
    try:
        Deployment(**{name: data[name] for name in SIZING_FIELDS}).sizing()
    except EngineError as e:
        return str(e)
    return None


def preview_rows(deployment: Deployment) -> list[Row]:
    """What would be traded now, line by line."""
    found = trade_preview(deployment=deployment)
    buy, sell = _told(found[LONG]), _told(found[SHORT])
    names = dict.fromkeys((*buy, *sell))
    return [(_label(name), buy.get(name, ""), sell.get(name, "")) for name in names]


def _told(entry: OrderIntent | Denied) -> Mapping[str, str]:
    if isinstance(entry, Denied):
        return {"Refused": entry.code, "Why": entry.message, **entry.numbers}
    numbers = dict(entry.numbers)
    price = "at market" if entry.price is None else f"{entry.price:f}"
    take = "none" if entry.take is None else f"{entry.take:f}"
    head = {"Lots": numbers.pop("lots"), "Money at risk": numbers.pop("money_at_risk")}
    return {**head, "Price": price, "Stop": f"{entry.stop:f}", "Take": take, **numbers}


def _label(name: str) -> str:
    if name.startswith("cap: "):
        return f"Most lots by {name.removeprefix('cap: ')}"
    return LABELS.get(name, name)
