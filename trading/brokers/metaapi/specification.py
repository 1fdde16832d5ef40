"""A symbol's specification: the engine's Instrument, and what MetaApi says beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from trading.brokers.metaapi.mapping import checked
from trading.brokers.metaapi.payload import Fields, PayloadError, items_of
from trading.engine.types import Calculation, Instrument

WEEKDAYS: Final = (
    "MONDAY",
    "TUESDAY",
    "WEDNESDAY",
    "THURSDAY",
    "FRIDAY",
    "SATURDAY",
    "SUNDAY",
)
Sessions = Mapping[int, tuple[tuple[time, time], ...]]
"""Weekday (Monday 0) -> spans of the broker's clock; `time.max` ends at midnight."""

UNTOLD: Final = ("", "SYMBOL_CALC_MODE_UNKNOWN")
"""Modes of price calculation that say nothing."""
_CALCULATIONS: Final[Mapping[str, Calculation]] = {
    **{f"SYMBOL_CALC_MODE_{mode}": mode for mode in Calculation},
    "SYMBOL_CALC_MODE_EXCH_FUTURES": Calculation.FUTURES,
    "SYMBOL_CALC_MODE_EXCH_STOCKS_MOEX": Calculation.STOCKS,
}
_IN_POINTS: Final = ("", "SYMBOL_SWAP_MODE_POINTS")
_WEDNESDAY: Final = 2


@dataclass(frozen=True, slots=True)
class SpecificationExtras:
    """What a specification says beside the Instrument. Levels and `point` are in price units of
    the symbol's points; texts are MetaTrader's names, empty where the broker says nothing."""

    digits: int
    point: Decimal
    stops_level: int
    """Points; the Instrument has it in ticks."""
    freeze_level: int
    """Points around the price in which orders and levels cannot be changed."""
    quote_sessions: Sessions
    trade_sessions: Sessions
    trade_mode: str
    execution_mode: str
    price_calculation_mode: str
    swap_mode: str
    """The Instrument has swaps only where this is SYMBOL_SWAP_MODE_POINTS."""
    swap_long: Decimal
    swap_short: Decimal
    filling_modes: tuple[str, ...]
    expiration_modes: tuple[str, ...]
    margin_currency: str
    initial_margin: Decimal
    maintenance_margin: Decimal
    hedged_margin: Decimal
    hedged_margin_uses_larger_leg: bool
    raw: Mapping[str, Any]
    """The payload itself."""


@dataclass(frozen=True, slots=True)
class Specification:
    """Everything known of a symbol."""

    instrument: Instrument
    extras: SpecificationExtras


def specification_of(payload: Any) -> Specification:
    """A specification payload; PayloadError where it cannot be traded by."""
    fields = Fields("specification", payload)
    extras = _extras(fields, payload)
    return Specification(checked("specification", lambda: _instrument(fields, extras)), extras)


def _instrument(fields: Fields, extras: SpecificationExtras) -> Instrument:
    tick_size = fields.level("tickSize") or extras.point
    is_in_points = extras.swap_mode in _IN_POINTS
    per_tick = extras.point / tick_size if is_in_points else Decimal(0)
    stops_ticks = extras.stops_level * extras.point / tick_size
    return Instrument(
        symbol=fields.text("symbol"),
        tick_size=tick_size,
        contract_size=fields.number("contractSize"),
        volume_min=fields.number("minVolume"),
        volume_step=fields.number("volumeStep"),
        volume_max=fields.number("maxVolume"),
        base_currency=_currency(fields, "baseCurrency", slice(0, 3)),
        profit_currency=_currency(fields, "profitCurrency", slice(3, 6)),
        swap_long=extras.swap_long * per_tick,
        swap_short=extras.swap_short * per_tick,
        triple_swap_weekday=_triple_day(fields),
        stops_level=int(stops_ticks.to_integral_value(ROUND_CEILING)),
        calculation=_calculation(extras.price_calculation_mode),
        margin_initial=extras.initial_margin,
        margin_currency=extras.margin_currency,
    )


def _calculation(mode: str) -> Calculation:
    """By MetaTrader's name; one that is not told counts as the usual one."""
    if mode in UNTOLD:
        return Calculation.FOREX
    return _CALCULATIONS.get(mode, Calculation.OTHER)


def _extras(fields: Fields, payload: Mapping[str, Any]) -> SpecificationExtras:
    digits = fields.integer("digits")
    return SpecificationExtras(
        digits=digits,
        point=fields.level("point") or Decimal(1).scaleb(-digits),
        stops_level=fields.integer("stopsLevel", 0),
        freeze_level=fields.integer("freezeLevel", 0),
        quote_sessions=_sessions(fields, "quoteSessions"),
        trade_sessions=_sessions(fields, "tradeSessions"),
        trade_mode=fields.text("tradeMode", ""),
        execution_mode=fields.text("executionMode", ""),
        price_calculation_mode=fields.text("priceCalculationMode", ""),
        swap_mode=fields.text("swapMode", ""),
        swap_long=fields.number("swapLong", Decimal(0)),
        swap_short=fields.number("swapShort", Decimal(0)),
        filling_modes=fields.texts("fillingModes"),
        expiration_modes=fields.texts("allowedExpirationModes"),
        margin_currency=fields.text("marginCurrency", ""),
        initial_margin=fields.number("initialMargin", Decimal(0)),
        maintenance_margin=fields.number("maintenanceMargin", Decimal(0)),
        hedged_margin=fields.number("hedgedMargin", Decimal(0)),
        hedged_margin_uses_larger_leg=fields.flag("hedgedMarginUsesLargerLeg", False),
        raw=payload,
    )


def _sessions(fields: Fields, name: str) -> Sessions:
    given = fields.raw(name)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise PayloadError(f"specification: expected '{name}' to be an object, was {given!r:.80}")
    return {
        day: tuple(_span(name, span) for span in items_of(name, given[weekday]))
        for day, weekday in enumerate(WEEKDAYS)
        if weekday in given
    }


def _span(name: str, payload: Any) -> tuple[time, time]:
    fields = Fields(name, payload)
    return _clock(name, fields.text("from")), _clock(name, fields.text("to"))


def _clock(name: str, text: str) -> time:
    if text.startswith("24:00"):
        return time.max
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise PayloadError(f"{name}: expected a time of day, was {text[:40]!r}") from None


def _currency(fields: Fields, name: str, part: slice) -> str:
    """A currency; MetaTrader 4 names none, but currency pairs carry theirs in the symbol."""
    symbol = fields.text("symbol")
    pair = symbol[:6]
    if fields.raw(name) is None and len(pair) == 6 and pair.isascii() and pair.isalpha():
        return pair[part].upper()
    return fields.text(name)


def _triple_day(fields: Fields) -> int:
    name = fields.text("swapRollover3Days", "")
    return WEEKDAYS.index(name) if name in WEEKDAYS else _WEDNESDAY
