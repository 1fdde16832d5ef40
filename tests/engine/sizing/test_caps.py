"""Every cap, which one binds, and the smallest order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.engine.sizing.asking import D, account, ask, refusal, ruled, size
from tests.instruments import EURUSD
from trading.engine.sizing import Caps, Method, SizingRule, size_position

LEVERED = SizingRule(value=D(1), max_leverage=D(3))
CAPPED: dict[str, tuple[dict[str, Any], str]] = {
    "broker maximum": ({"instrument": replace(EURUSD, volume_max=D("0.159"))}, "0.15"),
    "symbol volume limit": (
        {
            "instrument": replace(EURUSD, volume_limit=D("1.5")),
            "caps": Caps(volume_open=D("1.37")),
        },
        "0.13",
    ),
    "largest order": ({"caps": Caps(max_lots=D("0.159"))}, "0.15"),
    "margin": ({"account": replace(account(10_000, 10), margin=D(6000))}, "0.18"),
    "leverage": ({"rule": LEVERED, "caps": Caps(notional_open=D(15_000))}, "0.13"),
    "open risk": ({"caps": Caps(open_risk_room=D("79.99"))}, "0.15"),
    "loss room": ({"caps": Caps(loss_room=D("64.99"))}, "0.12"),
}


@pytest.mark.parametrize(("name", "case"), CAPPED.items(), ids=CAPPED)
def test_each_cap_binds_and_names_itself(name: str, case: tuple[dict[str, Any], str]) -> None:
    sizing = size(**case[0])
    assert (sizing.lots, sizing.factors["binding"]) == (D(case[1]), name)
    assert sizing.money_at_risk == sizing.lots * 500


def test_a_volume_limit_counts_what_is_open_only_where_something_is() -> None:
    assert size(instrument=replace(EURUSD, volume_limit=D("0.13"))).lots == D("0.13")


def test_without_a_cap_the_rule_binds() -> None:
    sizing = size()
    assert (sizing.lots, sizing.factors["binding"]) == (D("0.20"), "risk")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"caps": Caps(open_risk_room=D(-5))}, "open risk"),
        ({"caps": Caps(loss_room=D(-5))}, "loss room"),
        ({"caps": Caps(max_lots=D(0))}, "largest order"),
        ({"rule": LEVERED, "caps": Caps(notional_open=D(40_000))}, "leverage"),
        ({"account": replace(account(10_000, 10), margin=D(9000))}, "margin"),
        (
            {
                "instrument": replace(EURUSD, volume_limit=D(1)),
                "caps": Caps(volume_open=D(2)),
            },
            "symbol volume limit",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_used_up_allows_nothing(changes: dict[str, Any], name: str) -> None:
    sizing = size(**changes)
    assert refusal(sizing) == "VOLUME_BELOW_MIN"
    assert sizing.factors["binding"] == name
    assert sizing.factors[f"cap: {name}"] == "0.000000"


def test_leverage_needs_to_know_what_is_open() -> None:
    unknown = size(rule=LEVERED, caps=Caps(notional_open=None))
    assert refusal(unknown) == "FACT_UNKNOWN"
    assert unknown.denial is not None
    assert unknown.denial.message.startswith("Expected notional_open, ")
    once = SizingRule(value=D(1), max_leverage=D(1))
    assert size(rule=once).lots == D("0.09")
    assert size(caps=Caps(notional_open=None)).denial is None


def test_every_cap_is_on_record() -> None:
    caps = Caps(
        max_lots=D(9),
        volume_open=D(1),
        margin_use=D(90),
        notional_open=D(110_000),
        open_risk_room=D(4000),
        loss_room=D(3500),
    )
    spec = replace(EURUSD, volume_limit=D(8))
    rule = SizingRule(value=D(1), max_leverage=D(33))
    sizing = size(account=account(10_000, 30), instrument=spec, rule=rule, caps=caps)
    found = {k[5:]: v for k, v in sizing.factors.items() if k.startswith("cap: ")}
    assert found == {
        "broker maximum": "100.000000",
        "symbol volume limit": "7.000000",
        "largest order": "9.000000",
        "margin": "2.454545",
        "leverage": "2.000000",
        "open risk": "8.000000",
        "loss room": "7.000000",
    }


def test_the_margin_after_the_order_is_on_record() -> None:
    used = replace(account(10_000, 100), margin=D(500))
    factors = size(account=used).factors
    assert factors["margin"] == "220.00"
    assert factors["margin_level_after"] == "1388.89"
    assert factors["loss_to_stop_out_after"] == "9640.00"


def test_without_an_order_or_margin_there_is_no_level() -> None:
    factors = size(caps=Caps(max_lots=D(0))).factors
    assert (factors["margin"], factors["margin_level_after"]) == ("0.00", "none")


def test_all_factors_of_a_size() -> None:
    sizing = size(account=account(10_000, 100))
    assert sizing.denial is None
    assert sizing.factors == {
        "method": "FRACTIONAL",
        "stop_distance": "0.00500",
        "slippage": "0.00000",
        "gap": "0.00000",
        "rate": "1.00000000",
        "commission": "0",
        "swap": "0.00",
        "loss_per_lot": "500.000000",
        "base_name": "LESSER",
        "base": "10000",
        "risk_percent": "1",
        "risk_money": "100",
        "raw_lots": "0.200000",
        "cap: broker maximum": "100.000000",
        "cap: margin": "7.272727",
        "binding": "risk",
        "lots": "0.20",
        "margin": "220.00",
        "margin_level_after": "4545.45",
        "loss_to_stop_out_after": "9890.00",
        "money_at_risk": "100.00",
    }


# --- the smallest order


def small(coefficient: str, risk: str, **changes: Any) -> Any:
    """0.01 lots lose 5."""
    rule = ruled(Method.MONEY, risk, max_risk_coefficient=D(coefficient))
    return size(rule=rule, **changes)


def test_below_the_minimum_is_a_refusal_with_its_factors() -> None:
    sizing = small("1", "4.99")
    assert refusal(sizing) == "VOLUME_BELOW_MIN"
    assert sizing.denial.message == "0.00 lots (risk) is below the broker's minimum 0.01"
    assert sizing.factors["raw_lots"] == "0.009980"
    assert sizing.loss_per_lot == 500


def test_the_coefficient_lets_the_smallest_order_through() -> None:
    sizing = small("2", "2.50")
    assert (sizing.lots, sizing.money_at_risk) == (D("0.01"), D(5))
    assert sizing.factors["binding"] == "smallest order"


def test_the_smallest_order_that_the_risk_pays_for_is_no_exception() -> None:
    assert small("2", "5").factors["binding"] == "risk"


def test_the_coefficient_has_an_end() -> None:
    assert refusal(small("2", "2.49")) == "VOLUME_BELOW_MIN"


def test_the_coefficient_makes_nothing_larger_than_the_smallest_order() -> None:
    assert small("10", "7.49").lots == D("0.01")


def test_the_coefficient_lifts_no_cap() -> None:
    assert refusal(small("10", "4", caps=Caps(loss_room=D("4.99")))) == "VOLUME_BELOW_MIN"
    assert small("10", "4", caps=Caps(loss_room=D(5))).lots == D("0.01")


def test_the_smallest_order_is_in_whole_steps() -> None:
    odd = replace(EURUSD, volume_min=D("0.025"))
    assert small("5", "4", instrument=odd).lots == D("0.03")
    assert refusal(small("1", "12.5", instrument=odd)) == "VOLUME_BELOW_MIN"
    assert small("1", "15", instrument=odd).lots == D("0.03")


def test_a_quotient_that_is_whole_but_for_rounding_counts_as_whole() -> None:
    third = replace(EURUSD, contract_size=D(100_000) / 3)
    request = ask(instrument=third, rule=SizingRule(value=D(1)))
    assert size_position(request).lots == D("0.60")
