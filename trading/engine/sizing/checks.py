"""What cannot be sized: numbers that are none, stops on the wrong side, unknown specifications."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from trading.engine.sizing.losses import is_same_tick_value
from trading.engine.sizing.refusals import Code, Refusal
from trading.engine.sizing.request import SizingRequest
from trading.engine.types import Calculation, Instrument

_POSITIVE: Final = frozenset(
    {
        *("price", "stop", "leverage", "conversion rate"),
        *("peak_balance", "atr", "annual_volatility", "broker_tick_value", "limit_scale"),
    }
)
_SIGNED: Final = frozenset(
    {"balance", "equity", "day_start_balance", "curve", "loss_room", "open_risk_room"}
)
"""Of all other numbers 0 is the least."""


def check(request: SizingRequest) -> None:
    """Refusal where a request cannot be worked with."""
    for name, value in request.numbers():
        _check_number(name, value)
    side = request.side
    if side not in (1, -1):
        raise Refusal(Code.BAD_INPUT, f"Expected a side of 1 or -1, was {side}")
    if (request.price - request.stop) * side <= 0:
        where = "below" if side > 0 else "above"
        raise Refusal(
            Code.STOP_REQUIRED, f"Expected a stop {where} {request.price}, was {request.stop}"
        )
    _check_specification(request.instrument)
    _check_tick_value(request)


def _check_number(name: str, value: Decimal) -> None:
    if value.is_finite() and (
        value > 0 or name in _SIGNED or (value == 0 and name not in _POSITIVE)
    ):
        return
    span = "above 0" if name in _POSITIVE else "finite" if name in _SIGNED else "at least 0"
    raise Refusal(Code.BAD_INPUT, f"Expected {name} {span}, was {value}")


def _check_specification(instrument: Instrument) -> None:
    mode = instrument.calculation
    if mode is Calculation.OTHER:
        raise Refusal(
            Code.SPECIFICATION_UNKNOWN,
            f"{instrument.symbol}: expected a price calculation that we know, was another",
        )
    if mode is Calculation.FUTURES and instrument.tick_price is None:
        raise Refusal(
            Code.SPECIFICATION_UNKNOWN,
            f"{instrument.symbol}: expected a tick price of futures, was none",
        )


def _check_tick_value(request: SizingRequest) -> None:
    """Guards against a wrong contract size; a broker that names no tick value is not asked."""
    brokers = request.facts.broker_tick_value
    if brokers is None:
        return
    ours = request.instrument.tick_value * request.conversion.at(request.price)
    if not is_same_tick_value(ours, brokers):
        raise Refusal(
            Code.TICK_VALUE_MISMATCH,
            f"A lot loses {ours:.5f} per tick, the broker says {brokers:.5f}",
        )
