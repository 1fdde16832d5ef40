"""The simulator's compiled twin comes to the same steps, and to the same refusals.

PARITY_EXAMPLES=20000 tries that many requests instead of the few of an ordinary run.
"""

from __future__ import annotations

import math
import os
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings

from tests.engine.sizing.asking import request_of, requests
from trading.engine import fills, money
from trading.engine.sizing import Method, SizingRequest, scales, size_position, twin

EXAMPLES = int(os.environ.get("PARITY_EXAMPLES", "1000"))


def twin_of(request: SizingRequest) -> twin.Size:
    """The twin's answer to a request."""
    recipe = twin.recipe_of(request.rule, request.instrument, request.caps)
    purse, evidence = purse_of(request), evidence_of(request)
    return twin.size_of(recipe, contract_of(request), ask_of(request), purse, evidence)


def contract_of(request: SizingRequest) -> fills.Contract:
    leverage = request.account.leverage
    return fills.contract_of(request.instrument, request.costs, request.conversion, leverage)


def ask_of(request: SizingRequest) -> twin.Ask:
    tick = request.instrument.tick_size
    price, stop = (money.price_to_ticks(p, tick) for p in (request.price, request.stop))
    return twin.Ask(request.side, price, abs(price - stop), float(request.conversion.rate))


def purse_of(request: SizingRequest) -> twin.Purse:
    account, caps, facts = request.account, request.caps, request.facts
    return twin.Purse(
        balance=float(account.balance),
        equity=float(account.equity),
        margin=float(account.margin),
        notional=float(caps.notional_open or 0),
        day_balance=float(facts.day_start_balance or 0),
        peak=float(facts.peak_balance or 0),
        loss_room=_or_infinite(caps.loss_room),
        open_risk_room=_or_infinite(caps.open_risk_room),
    )


def evidence_of(request: SizingRequest) -> twin.Evidence:
    facts, record = request.facts, request.facts.record
    measure = facts.annual_volatility
    if request.rule.method is Method.ATR:
        measure = None if facts.atr is None else facts.atr / request.instrument.tick_size
    return twin.Evidence(
        measure=math.nan if measure is None else float(measure),
        trades=0 if record is None else record.trades,
        wins=0 if record is None else record.wins,
        won=0.0 if record is None else float(record.won),
        lost=0.0 if record is None else float(record.lost),
        is_below_mean=scales.is_below_mean(facts.curve or ()),
    )


def _or_infinite(value: Decimal | None) -> float:
    return math.inf if value is None else float(value)


def is_told(request: SizingRequest) -> bool:
    """Whether all is known that a simulation always knows."""
    facts = (request.facts.day_start_balance, request.facts.peak_balance, request.facts.record)
    return None not in (*facts, request.facts.curve, request.caps.loss_room)


told = requests.filter(is_told)
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(told)
def test_the_simulator_sizes_alike(request: SizingRequest) -> None:
    size, (steps, loss) = size_position(request), twin_of(request)
    step = request.instrument.volume_step
    assert loss == pytest.approx(float(size.loss_per_lot * step), rel=1e-12)
    if size.denial is None:
        assert steps * step == size.lots
    else:
        assert steps < 0
        assert twin.CODES[-1 - steps] == size.denial.code


def test_the_requests_hold_every_method_and_answer() -> None:
    """Otherwise the comparison above says little."""
    asked = [request for seed in range(3000) if is_told(request := request_of(seed))]
    sizes = [size_position(request) for request in asked]
    codes = {size.denial.code for size in sizes if size.denial is not None}
    methods = {size.factors["method"] for size in sizes if size.denial is None}
    assert methods == {*Method}
    assert codes == {*twin.CODES} - {
        "STOP_REQUIRED",
        "SPECIFICATION_UNKNOWN",
        "TICK_VALUE_MISMATCH",
    }
    bindings = {size.factors["binding"] for size in sizes if size.denial is None}
    assert bindings == {
        *("risk", "smallest order", "broker maximum", "symbol volume limit", "largest order"),
        *("margin", "leverage", "open risk", "loss room"),
    }
