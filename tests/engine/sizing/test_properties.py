"""What holds for every size."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.engine.sizing.asking import D, requests
from trading.engine.sizing import Method, SizingRequest, size_position

NEARLY = 1 + D("1e-11")
MONEY_METHODS = {Method.FRACTIONAL, Method.MONEY, Method.ATR, Method.KELLY}


@given(requests)
def test_the_loss_at_the_stop_stays_within_the_risk(request: SizingRequest) -> None:
    size = size_position(request)
    if size.lots and request.rule.method in MONEY_METHODS:
        risk = D(size.factors["risk_money"]) * request.rule.max_risk_coefficient
        assert size.lots * size.loss_per_lot <= risk * NEARLY
    assert size.money_at_risk == size.lots * size.loss_per_lot


@given(requests)
def test_without_a_coefficient_the_next_step_would_be_too_much(request: SizingRequest) -> None:
    request = replace(request, rule=replace(request.rule, max_risk_coefficient=D(1)))
    size, step = size_position(request), request.instrument.volume_step
    if size.lots:
        raw, caps = D(size.factors["raw_lots"]), size.factors
        most = min([raw, *(D(v) for k, v in caps.items() if k.startswith("cap: "))])
        assert size.lots <= most + D("1e-6")
        assert size.lots + step > most - D("1e-6")


@given(requests)
def test_lots_are_whole_steps_within_the_broker_s_range(request: SizingRequest) -> None:
    size, spec = size_position(request), request.instrument
    assert size.lots % spec.volume_step == 0
    assert size.lots == 0 or spec.volume_min <= size.lots <= spec.volume_max
    assert (size.denial is None) == (size.lots > 0)


@given(requests)
def test_no_cap_is_passed(request: SizingRequest) -> None:
    size, caps, spec = size_position(request), request.caps, request.instrument
    if not size.lots:
        return
    assert caps.max_lots is None or size.lots <= caps.max_lots
    assert spec.volume_limit is None or size.lots + caps.volume_open <= spec.volume_limit
    for room in (caps.open_risk_room, caps.loss_room):
        assert room is None or size.money_at_risk <= room * NEARLY
    used = request.account.margin + D(size.factors["margin"])
    assert used <= request.account.equity * caps.margin_use / 100 + D("0.01")


@given(requests, st.decimals(1, 5, places=2))
def test_more_risk_never_gives_less(request: SizingRequest, times: Decimal) -> None:
    rule = request.rule
    more = rule.value * times
    assume(rule.method in (Method.FIXED, Method.MONEY) or more <= 100)
    bolder = replace(request, rule=replace(rule, value=more))
    assert size_position(bolder).lots >= size_position(request).lots


@given(requests, st.integers(1, 50))
def test_a_farther_stop_never_gives_more(request: SizingRequest, ticks: int) -> None:
    farther = request.stop - request.side * ticks * request.instrument.tick_size
    if farther > 0:
        assert size_position(replace(request, stop=farther)).lots <= size_position(request).lots


@given(requests, st.integers(1, 9))
def test_an_allowance_never_gives_more(request: SizingRequest, more: int) -> None:
    rule = request.rule
    careful = replace(rule, gap_ticks=rule.gap_ticks + more, nights=rule.nights + more)
    assert size_position(replace(request, rule=careful)).lots <= size_position(request).lots


@given(requests)
def test_the_same_request_has_the_same_answer(request: SizingRequest) -> None:
    assert size_position(request) == size_position(request)
