"""Numbers that are none: always a refusal with a code, never an exception and never a size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.engine.sizing.asking import D, account, ask, refusal, ruled, size
from tests.instruments import EURUSD
from trading.engine.sizing import Caps, Facts, Method, Record
from trading.engine.types import Calculation, Conversion, Costs

ACCOUNT = account()
BAD = {"NaN": D("NaN"), "sNaN": D("sNaN"), "infinite": D("Infinity")}
NEGATIVE = D("-0.01")


def spoilt(name: str, value: Any) -> dict[str, Any]:
    """A request's changes with one bad number."""
    if name in ("price", "stop"):
        return {name: value}
    if name in ("balance", "equity", "margin", "leverage"):
        return {"account": replace(ACCOUNT, **{name: value})}
    if name == "conversion rate":
        return {"conversion": Conversion(value)}
    if name in ("commission_per_lot", "slippage_ticks"):
        return {"costs": replace(Costs(), **{name: value})}
    if name in ("won R", "lost R"):
        parts = {"won R": (value, D(1)), "lost R": (D(1), value)}[name]
        return {"facts": Facts(record=Record(100, 60, *parts))}
    if name == "curve":
        return {"facts": Facts(curve=(D(1), value))}
    kind = Caps if name in Caps.__dataclass_fields__ else Facts
    key = "caps" if kind is Caps else "facts"
    return {key: kind(**{name: value})}


POSITIVE = (
    *("price", "stop", "leverage", "conversion rate"),
    *("peak_balance", "atr", "annual_volatility", "broker_tick_value", "limit_scale"),
)
SIGNED = ("balance", "equity", "day_start_balance", "curve", "loss_room", "open_risk_room")
OTHERS = (
    *("margin", "commission_per_lot", "slippage_ticks", "won R", "lost R"),
    *("max_lots", "volume_open", "margin_use", "notional_open"),
)
SPANS = {
    **dict.fromkeys(POSITIVE, "above 0"),
    **dict.fromkeys(SIGNED, "finite"),
    **dict.fromkeys(OTHERS, "at least 0"),
}


@pytest.mark.parametrize("name", SPANS)
@pytest.mark.parametrize("value", BAD.values(), ids=BAD.keys())
def test_what_is_no_number_is_refused_by_name(name: str, value: Any) -> None:
    sizing = size(**spoilt(name, value))
    assert refusal(sizing) == "BAD_INPUT"
    assert sizing.denial is not None
    assert sizing.denial.message == f"Expected {name} {SPANS[name]}, was {value}"


@pytest.mark.parametrize("name", [*POSITIVE, *OTHERS])
def test_what_cannot_be_below_zero_is_refused(name: str) -> None:
    assert refusal(size(**spoilt(name, NEGATIVE))) == "BAD_INPUT"


@pytest.mark.parametrize("name", POSITIVE)
def test_what_cannot_be_zero_is_refused(name: str) -> None:
    assert refusal(size(**spoilt(name, D(0)))) == "BAD_INPUT"


@pytest.mark.parametrize("name", [*OTHERS, "day_start_balance", "curve"])
def test_zero_may_be(name: str) -> None:
    sizing = size(**spoilt(name, D(0)))
    assert sizing.denial is None or sizing.denial.code == "VOLUME_BELOW_MIN"


@pytest.mark.parametrize("name", SIGNED)
def test_below_zero_may_be(name: str) -> None:
    sizing = size(**spoilt(name, NEGATIVE))
    assert sizing.denial is None or sizing.denial.code == "VOLUME_BELOW_MIN"


@pytest.mark.parametrize("side", [0, 2, -2])
def test_a_side_that_is_none_is_refused(side: int) -> None:
    sizing = size(side=side)
    assert refusal(sizing) == "BAD_INPUT"
    assert sizing.denial is not None
    assert sizing.denial.message == f"Expected a side of 1 or -1, was {side}"


@pytest.mark.parametrize(
    ("side", "stop", "where"), [(1, "1.1", "below"), (1, "1.2", "below"), (-1, "1.0", "above")]
)
def test_a_stop_on_the_winning_side_is_refused(side: int, stop: str, where: str) -> None:
    sizing = size(side=side, stop=D(stop))
    assert refusal(sizing) == "STOP_REQUIRED"
    assert sizing.denial is not None
    assert sizing.denial.message == f"Expected a stop {where} 1.10000, was {stop}"
    assert sizing.factors == {"method": "FRACTIONAL"}
    assert sizing.loss_per_lot == 0


@pytest.mark.parametrize(
    ("mode", "complaint"),
    [
        (Calculation.OTHER, "expected a price calculation that we know, was another"),
        (Calculation.FUTURES, "expected a tick price of futures, was none"),
    ],
)
def test_a_specification_we_cannot_work_with_is_refused(mode: Calculation, complaint: str) -> None:
    sizing = size(instrument=replace(EURUSD, calculation=mode, margin_initial=D(1)))
    assert refusal(sizing) == "SPECIFICATION_UNKNOWN"
    assert sizing.denial is not None
    assert sizing.denial.message == f"EURUSD: {complaint}"


def test_numbers_beyond_measure_are_refused() -> None:
    huge = replace(EURUSD, contract_size=D("9e999999"))
    sizing = size(instrument=huge, conversion=Conversion(D("9e9")))
    assert refusal(sizing) == "BAD_INPUT"
    assert sizing.denial is not None
    assert "Overflow" in sizing.denial.message


def test_a_request_names_every_number_once() -> None:
    request = ask(
        caps=Caps(D(1), D(1), D(1), D(1), D(1), D(1)),
        facts=Facts(D(1), D(1), D(1), D(1), Record(), (D(1),), D(1)),
    )
    names = [name for name, _ in request.numbers()]
    assert sorted(names) == sorted(SPANS)


def test_a_rule_of_any_method_refuses_a_bad_account() -> None:
    for method in Method:
        broken = replace(ACCOUNT, equity=D("NaN"))
        assert refusal(size(account=broken, rule=ruled(method, 1))) == "BAD_INPUT"
