"""What holds of the checks whatever the limits, the positions and the order."""

from __future__ import annotations

import random
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.risk.cases import D, good
from trading.engine.risk import (
    Case,
    Control,
    Facts,
    Holding,
    Limit,
    LimitSet,
    Unit,
    effective,
    first_denial,
    judge,
    limit_of,
)

SUMS = (
    (Control.MAX_POSITIONS, Unit.COUNT),
    (Control.MAX_OPEN_LOTS, Unit.LOTS),
    (Control.CURRENCY_EXPOSURE, Unit.MONEY),
    (Control.CORRELATED_EXPOSURE, Unit.MONEY),
    (Control.OPEN_RISK, Unit.MONEY),
    (Control.GLOBAL_EXPOSURE, Unit.MONEY),
)
OTHERS = (
    (Control.MAX_SPREAD, Unit.TICKS),
    (Control.MAX_LOTS, Unit.LOTS),
    (Control.SIGNAL_AGE, Unit.SECONDS),
    (Control.EQUITY_STOP, Unit.MONEY),
)
amounts = st.integers(0, 20).map(Decimal)
limits = st.builds(
    lambda kind, value: limit_of(kind[0], value, unit=kind[1]),
    st.sampled_from(SUMS + OTHERS),
    st.integers(0, 40),
)


def holdings(is_open: st.SearchStrategy[bool]) -> st.SearchStrategy[Holding]:
    pairs = st.sampled_from([("EURUSD", "EUR", "USD"), ("GBPUSD", "GBP", "USD")])
    return st.builds(
        lambda pair, side, lots, value, risk, is_open: Holding(
            pair[0], side, lots, value, pair[1], pair[2], risk, is_open
        ),
        *(pairs, st.sampled_from([1, -1]), amounts, amounts, st.none() | amounts, is_open),
    )


wanted = holdings(st.just(False))
open_or_pending = st.lists(holdings(st.booleans()), min_size=1, max_size=5)


def facts(held: list[Holding], order: Holding) -> Facts:
    return good(*held, order={"holding": order, "spread_ticks": D(5)}, equity=D(20))


@given(st.lists(limits, max_size=8), open_or_pending, wanted, st.randoms(use_true_random=False))
def test_the_order_of_the_checks_does_not_matter(
    rows: list[Limit], held: list[Holding], order: Holding, rng: random.Random
) -> None:
    found = effective(rows)
    asked = facts(held, order)
    shuffled = list(found)
    rng.shuffle(shuffled)
    case = Case(found, asked)
    findings = [finding for finding in (judge(limit, case) for limit in shuffled) if finding]
    denied = first_denial(found, asked)
    assert any(finding.denies for finding in findings) == (denied is not None)
    assert denied is None or denied in findings


@given(st.lists(limits, min_size=1, max_size=8), open_or_pending, wanted, wanted)
def test_another_working_order_never_adds_headroom(
    rows: list[Limit], held: list[Holding], order: Holding, working: Holding
) -> None:
    limits_ = LimitSet(tuple(rows))
    if first_denial(limits_, facts(held, order)):
        assert first_denial(limits_, facts([*held, working], order))


@given(st.lists(limits, min_size=1, max_size=8), limits, open_or_pending, wanted)
def test_another_limit_never_allows_more(
    rows: list[Limit], more: Limit, held: list[Holding], order: Holding
) -> None:
    asked = facts(held, order)
    if more.spec.lower_is_stricter and first_denial(LimitSet(tuple(rows)), asked):
        assert first_denial(LimitSet((*rows, more)), asked)
