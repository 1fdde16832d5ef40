"""Sizes worked out twice by hand: in decimals and in fractions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.engine.sizing.asking import FREE, INVERSE, PLENTY, D, account, ask, ruled, size
from tests.instruments import EURUSD
from trading.engine.risk import loss_to_stop_out
from trading.engine.sizing import (
    Caps,
    Facts,
    Method,
    SizingRequest,
    SizingRule,
    margin_per_lot,
    scales,
    size_position,
)
from trading.engine.sizing.margins import STOP_OUT_LEVEL, margin_level
from trading.engine.types import Conversion, Costs

ONE = Conversion()


@dataclass(frozen=True)
class Case:
    """All of `risk` may be lost; levels as quoted."""

    risk: str
    price: str
    stop: str
    lots: str
    loss: str
    at_risk: str
    contract: str = "100000"
    conversion: Conversion = ONE
    step: str = "0.01"
    tick: str = "0.00001"
    commission: str = "0"
    slippage: int = 0
    binding: str = "risk"

    def request(self) -> SizingRequest:
        spec = replace(
            EURUSD,
            tick_size=D(self.tick),
            contract_size=D(self.contract),
            volume_min=D(self.step),
            volume_step=D(self.step),
        )
        price, stop = D(self.price), D(self.stop)
        return ask(
            instrument=spec,
            account=account(PLENTY),
            side=1 if price > stop else -1,
            price=price,
            stop=stop,
            rule=ruled(Method.MONEY, self.risk),
            costs=Costs(D(self.commission), self.slippage),
            conversion=self.conversion,
        )


def over(price: str) -> Conversion:
    """Profit is worth 1 / price."""
    return Conversion(rate=1 / D(price))


YEN: dict[str, Any] = {"conversion": INVERSE, "tick": "0.001"}
GOLD: dict[str, Any] = {"contract": "100", "tick": "0.01"}
CASES = {
    "V01 EURUSD": Case("100", "1.10000", "1.09500", "0.20", "500", "100"),
    "V02 commission": Case("100", "1.10000", "1.09500", "0.19", "507", "96.33", commission="7"),
    "V03 slippage on both sides": Case(
        "100", "1.10000", "1.09500", "0.19", "520", "98.80", slippage=10
    ),
    "V04 USDJPY bought, worst at the stop": Case(
        "100", "150.000", "149.500", "0.29", "334.448161", "96.99", **YEN
    ),
    "V04b at the entry's rate": Case(
        "100", "150.000", "149.500", "0.30", "333.333333", "100", conversion=over("150")
    ),
    "V05 USDJPY sold, worst at the entry": Case(
        "100", "150.000", "150.500", "0.30", "333.333333", "100", **YEN
    ),
    "V06 GBPJPY through USDJPY": Case(
        "125",
        "190.000",
        "189.000",
        "0.18",
        "666.666667",
        "120",
        "100000",
        over("150"),
        tick="0.001",
    ),
    "V07 EURGBP through GBPUSD": Case(
        "200", "0.86000", "0.85700", "0.53", "375", "198.75", conversion=Conversion(D("1.25"))
    ),
    "V08 EURUSD on euros": Case(
        "200", "1.08000", "1.07600", "0.53", "371.747212", "197.026", conversion=INVERSE
    ),
    "V11 gold": Case("50", "2350.00", "2340.00", "0.05", "1000", "50", **GOLD),
    "V12 gold below the minimum": Case("5", "2350.00", "2340.00", "0", "1000", "0", **GOLD),
    "V14 an index in tenths": Case(
        "75", "39000.0", "38900.0", "0.7", "100", "70", "1", step="0.1", tick="0.1"
    ),
    "V18 the broker's maximum": Case(
        "100000", "1.10000", "1.09900", "100", "100", "10000", binding="broker maximum"
    ),
    "V20 two average ranges": Case("100", "1.10000", "1.09760", "0.41", "240", "98.40"),
    "V22 0.29 exactly": Case("290", "1.10000", "1.09000", "0.29", "1000", "290"),
    "V23 0.3 exactly": Case("300", "1.10000", "1.09000", "0.3", "1000", "300", step="0.1"),
    "a commission of 7 over 50 pips": Case(
        "100", "1.20000", "1.19500", "0.19", "507", "96.33", commission="7"
    ),
    "USDJPY, 40 pips at the entry's rate": Case(
        "100",
        "150.00",
        "149.60",
        "0.37",
        "266.666667",
        "98.6667",
        conversion=over("150"),
        tick="0.01",
    ),
    "EURGBP, 30 pips for 100": Case(
        "100", "0.86000", "0.85700", "0.26", "375", "97.50", conversion=Conversion(D("1.25"))
    ),
    "gold, 5 dollars": Case("100", "2350.00", "2345.00", "0.20", "500", "100", **GOLD),
    "US30 on euros": Case(
        "100", "35000", "34940", "1.8", "54.545455", "98.1818", "1", over("1.1"), "0.1", "1"
    ),
    "one percent of 200": Case("2", "1.10000", "1.09500", "0", "500", "0"),
    "bitcoin": Case("100", "60000.00", "59000.00", "0.10", "1000", "100", "1", tick="0.01"),
    "EURUSD on a cent account": Case(
        "10000", "1.10000", "1.09500", "0.20", "50000", "10000", conversion=Conversion(D(100))
    ),
    "USDJPY on a cent account": Case(
        "10000",
        "150.000",
        "150.500",
        "0.30",
        "33333.333333",
        "10000",
        conversion=Conversion(D(100), inverse=True),
        tick="0.001",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_known_size(case: Case) -> None:
    sizing = size_position(case.request())
    assert sizing.lots == D(case.lots)
    assert round(sizing.loss_per_lot, 6) == D(case.loss)
    assert round(sizing.money_at_risk, 4) == D(case.at_risk)
    assert (sizing.denial is None) == (sizing.lots > 0)
    assert sizing.factors["binding"] == case.binding


@pytest.mark.parametrize(
    ("lots", "price", "contract", "conversion", "leverage", "margin"),
    [
        ("1", "1.1", "100000", ONE, 30, "3666.67"),
        ("0.21", "1.1", "100000", ONE, 30, "770.00"),
        ("1", "150", "100000", INVERSE, 100, "1000.00"),
        ("0.05", "2350", "100", ONE, 20, "587.50"),
    ],
    ids=["M1 EURUSD", "M2 EURUSD", "M3 USDJPY", "M5 gold"],
)
def test_known_margin(
    lots: str, price: str, contract: str, conversion: Conversion, leverage: int, margin: str
) -> None:
    request = ask(
        instrument=replace(EURUSD, contract_size=D(contract)),
        account=account(10_000, leverage),
        price=D(price),
        conversion=conversion,
    )
    assert round(D(lots) * margin_per_lot(request), 2) == D(margin)


def test_m2_margin_use_of_a_thousand() -> None:
    sizing = size(account=account(1000, 30), rule=ruled(Method.FRACTIONAL, 100))
    assert (sizing.lots, sizing.factors["binding"]) == (D("0.21"), "margin")
    assert sizing.factors["margin"] == "770.00"


def test_m7_margin_level_before_and_after() -> None:
    assert margin_level(D(5000), D(2500)) == 200
    assert margin_level(D(5000), D(4000)) == 125
    busy = replace(account(5000, 100), margin=D(2500))
    assert size(account=busy, caps=Caps(margin_use=D(50))).factors["binding"] == "margin"


def test_m8_what_may_be_lost_until_the_stop_out() -> None:
    assert loss_to_stop_out(D(5000), D(2500), STOP_OUT_LEVEL) == 3750


@pytest.mark.parametrize(
    ("win_rate", "payoff", "fraction", "quarter", "capped"),
    [
        ("0.55", "1.5", "0.25", "0.0625", "0.02"),
        ("0.40", "1.2", "-0.1", "-0.025", "-0.025"),
        ("0.52", "1", "0.04", "0.01", "0.01"),
    ],
    ids=["K1", "K2", "K3"],
)
def test_kelly(win_rate: str, payoff: str, fraction: str, quarter: str, capped: str) -> None:
    found = scales.kelly_fraction(D(win_rate), D(payoff))
    assert found == D(fraction)
    assert found * scales.KELLY_SHARE == D(quarter)
    assert min(found * scales.KELLY_SHARE, D("0.02")) == D(capped)


DD = SizingRule(value=D(1), drawdown_from=D(4), drawdown_to=D(10))


def drawn(equity: int) -> Any:
    """Sized in a drawdown from 10,000."""
    return size(account=account(equity), rule=DD, facts=Facts(peak_balance=D(10_000)))


def test_dd1_a_third_of_the_risk_at_six_percent() -> None:
    sizing = drawn(9400)
    assert sizing.lots == D("0.12")
    assert round(D(sizing.factors["risk_money"]), 2) == D("62.67")


def test_dd2_nothing_at_ten_percent_all_at_three() -> None:
    assert drawn(9000).denial.code == "DRAWDOWN"
    assert D(drawn(9700).factors["risk_money"]) == 97


def test_vt1_ten_percent_a_year() -> None:
    volatility = scales.annualised(D("0.006"))
    assert round(volatility, 6) == D("0.095247")
    sizing = size(
        account=account(50_000),
        rule=ruled(Method.VOLATILITY, 10),
        facts=Facts(annual_volatility=volatility),
    )
    assert sizing.lots == D("0.47")
    assert sizing.factors["notional"] == "52495.07"


def test_ec1_half_a_size_below_the_mean() -> None:
    rule = SizingRule(value=D(1), curve_factor=D("0.5"))
    falling = tuple(D(20 - k) for k in range(20))
    assert size(rule=rule, facts=Facts(curve=falling)).lots == D("0.10")
    assert size(rule=rule, facts=Facts(curve=falling[::-1])).lots == D("0.20")


def test_or1_open_risk_leaves_sixty() -> None:
    sizing = size(caps=replace(FREE, open_risk_room=D("0.6") * 10_000 / 100))
    assert (sizing.lots, sizing.factors["binding"]) == (D("0.12"), "open risk")
