"""What a lot loses, part by part, and the check against the broker's tick value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.sizing.asking import INVERSE, D, ask, refusal, ruled, size
from tests.instruments import EURUSD
from trading.engine.sizing import Facts, Method, SizingRule, loss_per_lot
from trading.engine.types import Calculation, Conversion, Costs


@pytest.mark.parametrize(
    ("mode", "loss"),
    [
        (Calculation.FOREX, 500),
        (Calculation.FOREX_NO_LEVERAGE, 500),
        (Calculation.CFD, 500),
        (Calculation.CFDINDEX, 500),
        (Calculation.CFDLEVERAGE, 500),
        (Calculation.STOCKS, 500),
        (Calculation.FUTURES, 1250),
    ],
)
def test_only_futures_lose_by_their_tick_price(mode: Calculation, loss: int) -> None:
    spec = replace(EURUSD, calculation=mode, tick_price=D("2.5"))
    assert loss_per_lot(ask(instrument=spec)) == loss


def test_a_gap_counts_as_distance() -> None:
    rule = SizingRule(gap_ticks=30)
    request = ask(rule=rule, costs=Costs(D(7), slippage_ticks=10))
    assert loss_per_lot(request) == 500 + 2 * 10 + 30 + 7


@pytest.mark.parametrize(("side", "stop", "swap"), [(1, "1.09500", 15), (-1, "1.10500", 0)])
def test_nights_that_cost_count_as_loss_nights_that_pay_do_not(
    side: int, stop: str, swap: int
) -> None:
    spec = replace(EURUSD, swap_long=D(-5), swap_short=D(2))
    request = ask(instrument=spec, side=side, stop=D(stop), rule=SizingRule(nights=3))
    assert loss_per_lot(request) == 500 + swap


def test_swap_of_a_short_position_is_its_own() -> None:
    spec = replace(EURUSD, swap_long=D(2), swap_short=D(-5))
    request = ask(instrument=spec, side=-1, stop=D("1.10500"), rule=SizingRule(nights=2))
    assert loss_per_lot(request) == 510


def test_swap_counts_in_the_value_of_a_tick() -> None:
    spec = replace(EURUSD, swap_long=D(-5), tick_size=D("0.0001"))
    assert loss_per_lot(ask(instrument=spec, rule=SizingRule(nights=1))) == 550


def test_the_parts_are_on_record() -> None:
    spec = replace(EURUSD, swap_long=D("-5.5"))
    sizing = size(
        instrument=spec,
        costs=Costs(D(7), 3),
        rule=SizingRule(gap_ticks=2, nights=1),
        conversion=Conversion(D("1.5")),
    )
    names = ("stop_distance", "slippage", "gap", "rate", "commission", "swap", "loss_per_lot")
    assert {name: sizing.factors[name] for name in names} == {
        "stop_distance": "0.00500",
        "slippage": "0.00006",
        "gap": "0.00002",
        "rate": "1.50000000",
        "commission": "7",
        "swap": "8.25",
        "loss_per_lot": "777.250000",
    }


# --- the distance of ATR sizing


@pytest.mark.parametrize(
    ("atr", "multiple", "loss"),
    [
        ("0.00300", "2", 600),  # farther than the stop
        ("0.00200", "2", 500),  # nearer: the stop counts
        ("0.001234", "5", 617),
        ("0.00123401", "5", 618),  # a fraction of a tick counts as one
    ],
)
def test_the_loss_is_counted_over_the_atr_or_to_a_farther_stop(
    atr: str, multiple: str, loss: int
) -> None:
    rule = ruled(Method.ATR, 1, atr_multiple=D(multiple))
    assert loss_per_lot(ask(rule=rule, facts=Facts(atr=D(atr)))) == loss


def test_an_inverse_rate_is_that_of_the_farther_stop() -> None:
    rule = ruled(Method.ATR, 1)
    request = ask(rule=rule, facts=Facts(atr=D("0.05")), conversion=INVERSE)
    assert loss_per_lot(request) == 10_000  # 0.1 below 1.1, at 1 / 1.0


def test_an_atr_beyond_zero_is_refused() -> None:
    sizing = size(rule=ruled(Method.ATR, 1), facts=Facts(atr=D("0.55")))
    assert refusal(sizing) == "BAD_INPUT"
    assert sizing.denial is not None
    assert sizing.denial.message == "Expected a stop above 0, was 0.00000"


def test_a_short_position_s_atr_has_room_above() -> None:
    rule = ruled(Method.ATR, 1)
    request = ask(side=-1, stop=D("1.2"), rule=rule, facts=Facts(atr=D("0.55")))
    assert loss_per_lot(request) == 110_000


# --- the broker's tick value


@pytest.mark.parametrize("theirs", ["0.9901", "1", "1.0101"])
def test_a_tick_value_within_a_percent_is_the_same(theirs: str) -> None:
    assert size(facts=Facts(broker_tick_value=D(theirs))).lots == D("0.20")


@pytest.mark.parametrize("theirs", ["0.9899", "1.0102", "100", "0.01"])
def test_another_tick_value_refuses(theirs: str) -> None:
    assert refusal(size(facts=Facts(broker_tick_value=D(theirs)))) == "TICK_VALUE_MISMATCH"


def test_exactly_a_percent_apart_is_the_same() -> None:
    larger = replace(EURUSD, contract_size=D(101_000))
    assert size(instrument=larger, facts=Facts(broker_tick_value=D(1))).denial is None


def test_the_refusal_names_both_tick_values() -> None:
    denial = size(facts=Facts(broker_tick_value=D(100))).denial
    assert denial is not None
    assert denial.message == "A lot loses 1.00000 per tick, the broker says 100.00000"


def test_our_tick_value_is_that_at_the_entry() -> None:
    yen = replace(EURUSD, tick_size=D("0.001"))
    given = {"instrument": yen, "price": D(150), "stop": D(140), "conversion": INVERSE}
    assert size(**given, facts=Facts(broker_tick_value=D("0.6667"))).denial is None
    assert refusal(size(**given, facts=Facts(broker_tick_value=D("0.7143")))) == (
        "TICK_VALUE_MISMATCH"
    )
