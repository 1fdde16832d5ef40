"""Requests to size: a EURUSD trade that a test changes where it matters, and arbitrary ones."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.instruments import EURUSD
from trading.engine.sizing import (
    Base,
    Caps,
    Facts,
    Method,
    Record,
    Sizing,
    SizingRequest,
    SizingRule,
    size_position,
)
from trading.engine.types import AccountState, Calculation, Conversion, Costs, Instrument

D = Decimal
T = TypeVar("T")
PLENTY = 10**9
"""A leverage by which margin never matters."""
FREE = Caps(margin_use=D(100))
INVERSE = Conversion(inverse=True)


def account(money: Decimal | int | str = 10_000, leverage: int = PLENTY) -> AccountState:
    return AccountState("USD", D(money), D(money), D(0), leverage)


def ask(**changes: Any) -> SizingRequest:
    """One percent of 10,000 is lost at a stop 50 pips away: 0.20 lots of EURUSD."""
    given: dict[str, Any] = {
        "instrument": EURUSD,
        "account": account(),
        "side": 1,
        "price": D("1.10000"),
        "stop": D("1.09500"),
        "rule": SizingRule(value=D(1)),
    }
    return SizingRequest(**{**given, **changes})


def size(**changes: Any) -> Sizing:
    return size_position(ask(**changes))


def ruled(method: Method, value: object, **more: Any) -> SizingRule:
    return SizingRule(method, D(str(value)), **more)


def refusal(sizing: Sizing) -> str:
    """The code of a size that is none."""
    assert sizing.denial is not None, f"expected a refusal, was {sizing.lots}"
    assert sizing.lots == sizing.money_at_risk == 0
    assert sizing.denial.numbers == sizing.factors
    return sizing.denial.code


# --- anything, from a seed


def request_of(seed: int) -> SizingRequest:
    """A request that may ask for anything; now and then what it needs is not known."""
    rng = Random(seed)  # noqa: S311  not for secrets
    spec = _instrument(rng)
    price = round(10 ** rng.uniform(3, 6)) * spec.tick_size
    away = rng.randint(1, 900) * spec.tick_size * rng.choice((1, -1))
    rates = [Conversion(), INVERSE, Conversion(D(100), inverse=True), Conversion(1 / D(3))]
    balance, equity = (rng.choice(("500", "9999.99", "250000.01")) for _ in "be")
    return SizingRequest(
        instrument=spec,
        account=AccountState("USD", D(balance), D(equity), _amount(rng, 500), 500),
        side=1 if away > 0 else -1,
        price=price,
        stop=price - away,
        rule=_rule(rng),
        caps=_caps(rng),
        costs=Costs(_amount(rng, 10), rng.randint(0, 3)),
        conversion=rng.choice([*rates, Conversion(D("1.37"))]),
        facts=_facts(rng, spec.tick_size),
    )


requests = st.integers(0, 2**64 - 1).map(request_of)


def _amount(rng: Random, most: float, least: float = 0) -> Decimal:
    """Anything between, to the cent."""
    return D(rng.randint(round(least * 100), round(most * 100))) / 100


def _maybe(rng: Random, value: T, chance: float = 0.7) -> T | None:
    return value if rng.random() < chance else None


def _instrument(rng: Random) -> Instrument:
    step = D(rng.choice(("0.01", "0.1", "1")))
    mode = rng.choice([mode for mode in Calculation if mode is not Calculation.OTHER])
    is_future = mode is Calculation.FUTURES
    fixed = D(rng.choice((0, 0, 100, 4321)))
    return replace(
        EURUSD,
        tick_size=D(rng.choice(("0.00001", "0.001", "0.25"))),
        contract_size=D(rng.choice((1, 100, 100_000))),
        volume_min=step * rng.choice((1, 1, 3)),
        volume_step=step,
        swap_long=_amount(rng, 9, -9),
        swap_short=_amount(rng, 9, -9),
        calculation=mode,
        tick_price=_amount(rng, 20, 1) if is_future else _maybe(rng, D("0.5"), 0.2),
        margin_initial=(fixed or D(50)) if is_future else fixed,
        margin_currency=rng.choice(("", "USD", "EUR")),
        margin_rate=D(rng.choice(("1", "0.05", "2"))),
        volume_limit=_maybe(rng, _amount(rng, 50, 1), 0.3),
    )


def _rule(rng: Random) -> SizingRule:
    method = rng.choice(list(Method))
    most = {Method.FIXED: 200, Method.MONEY: 10**5}.get(method, rng.choice((3, 100)))
    start, end = rng.choice(((4, 10), (0, "2.5"), (None, None), (None, None)))
    return SizingRule(
        method=method,
        value=_amount(rng, most, 0.01),
        base=rng.choice(list(Base)),
        atr_multiple=_amount(rng, 20, 0.1),
        start_percent=D(rng.choice(("0", "0.5"))),
        drawdown_from=None if start is None else D(start),
        drawdown_to=None if end is None else D(end),
        curve_factor=rng.choice((None, None, D(0), D("0.5"), D(1))),
        gap_ticks=rng.randint(0, 20),
        nights=rng.randint(0, 9),
        max_risk_coefficient=D(rng.choice(("1", "1", "1.5", "5"))),
        max_leverage=_maybe(rng, _amount(rng, 40, 1), 0.3),
    )


def _caps(rng: Random) -> Caps:
    return Caps(
        max_lots=_maybe(rng, _amount(rng, 60), 0.3),
        volume_open=_amount(rng, 20),
        margin_use=D(rng.choice(("100", "80", "7.5"))),
        notional_open=_amount(rng, 10_000),
        open_risk_room=_maybe(rng, _amount(rng, 10**4, -100), 0.3),
        loss_room=_maybe(rng, _amount(rng, 10**4, -100), 0.5),
    )


def _facts(rng: Random, tick: Decimal) -> Facts:
    trades, won = rng.randint(0, 400), rng.random()
    record = Record(
        trades=trades,
        wins=round(trades * won),
        won=_amount(rng, trades * won * 3),
        lost=_amount(rng, trades * (1 - won)),
    )
    curve = [_amount(rng, 500, -500) for _ in range(rng.randint(15, 25))]
    return Facts(
        day_start_balance=_maybe(rng, _amount(rng, 10**5, 1), 0.9),
        peak_balance=_maybe(rng, _amount(rng, 12_000, 9000), 0.9),
        atr=_maybe(rng, rng.randint(1, 20_000) * tick / 20, 0.9),
        annual_volatility=_maybe(rng, _amount(rng, 2, 0.01), 0.9),
        record=_maybe(rng, record, 0.9),
        curve=_maybe(rng, tuple(curve), 0.9),
    )
