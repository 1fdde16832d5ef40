"""What is at stake: vectors worked out by hand, and that nothing pending makes it smaller."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.tables import instrument
from trading.engine.risk.correlation import Correlations, correlations_of
from trading.engine.risk.exposure import (
    Exposure,
    Holding,
    Span,
    Stake,
    correlated,
    exposure_of,
    exposure_together,
    holding_of,
    loss_to_stop_out,
)
from trading.engine.types import Conversion, EngineError, Instrument

D = Decimal


def pair(name: str) -> Instrument:
    return instrument(
        symbol=name, contract_size=D(100_000), base_currency=name[:3], profit_currency=name[3:]
    )


def held(name: str, side: int, lots: str, price: str, **more: object) -> Holding:
    conversion = Conversion(inverse=True) if name.startswith("USD") else Conversion()
    stake = Stake(side, D(lots), D(price), more.pop("stop", None), **more)  # type: ignore[arg-type]
    return holding_of(pair(name), conversion, stake)


THREE = (
    held("EURUSD", 1, "1.0", "1.10"),
    held("GBPUSD", -1, "0.5", "1.25"),
    held("USDJPY", 1, "0.7", "150"),
)
RHO = Correlations({"A": {"B": D("0.8"), "C": D(0)}, "B": {"A": D("0.8")}})


def test_legs_of_currencies() -> None:
    """C1: EUR +110,000, GBP -62,500, JPY -70,000, USD +22,500; together nothing."""
    legs = {name: span.open for name, span in exposure_of(THREE).legs.items()}
    assert legs == {"EUR": 110_000, "GBP": -62_500, "JPY": -70_000, "USD": 22_500}
    assert sum(legs.values()) == 0
    assert exposure_of(THREE).gross == 242_500


def test_correlated_exposure() -> None:
    """C2: w = (100,000, -62,500) and rho 0.8 make 62,500."""
    values = {"A": Span(D(100_000)), "B": Span(D(-62_500))}
    assert correlated(values, RHO) == 62_500


def test_without_credit_for_hedges_what_offsets_does_not_count() -> None:
    values = {"A": Span(D(30_000)), "B": Span(D(-40_000))}
    assert correlated(values, RHO, hedge_credit=False) == 50_000
    same = {"A": Span(D(30_000)), "B": Span(D(40_000))}
    assert correlated(same, RHO, hedge_credit=False) == correlated(same, RHO) > 50_000


def test_a_pending_hedge_earns_no_credit_until_it_is_open() -> None:
    open_, pending = {"A": Span(D(10)), "B": Span(D(-10))}, {"A": Span(D(10), D(0), D(-10))}
    assert correlated(open_, RHO) < 10
    assert correlated(pending, RHO) == D(200).sqrt()


@pytest.mark.parametrize("other", ["B", "D"])
def test_an_unknown_correlation_is_named(other: str) -> None:
    values = {"C": Span(D(1)), other: Span(D(1))}
    with pytest.raises(EngineError, match=f"Expected a correlation of C and {other}, was None"):
        correlated(values, RHO)


def test_correlations_weigh_the_newest_most() -> None:
    """About zero: sum(w a b) / sqrt(sum(w a a) sum(w b b)) with w = 0.94 ** age."""
    a = np.array([0.01, -0.02] * 15)
    b = np.concatenate([a[:15], -a[15:]])
    weights = [0.94**age for age in range(29, -1, -1)]
    squares = [w * x * x for w, x in zip(weights, a, strict=True)]
    expected = (sum(squares[:15]) - sum(squares[15:])) / sum(squares)
    found = correlations_of({"A": a, "B": b})
    assert isclose(float(found.of("A", "B")), expected, abs_tol=1e-6)
    assert found.of("B", "A") == found.of("A", "B") < 0
    assert found.of("A", "A") == 1


@pytest.mark.parametrize("bad", [np.zeros(20), np.full(20, np.nan), np.r_[np.inf, np.ones(19)]])
def test_a_symbol_without_usable_returns_has_no_correlation(bad: np.ndarray) -> None:
    found = correlations_of({"A": np.ones(20), "B": bad})
    with pytest.raises(EngineError, match="A and B, was None"):
        found.of("A", "B")


def test_few_returns_and_returns_of_other_days_are_no_correlation() -> None:
    assert correlations_of({"A": np.ones(19), "B": np.ones(19)}) == Correlations()
    with pytest.raises(EngineError, match=r"of the same days, was \[20, 21\]"):
        correlations_of({"A": np.ones(20), "B": np.ones(21)})


# --- open risk


@pytest.mark.parametrize(
    ("side", "stop", "risk"),
    [(1, "1.095", 500), (1, "1.11", 0), (-1, "1.105", 500), (-1, "1.09", 0)],
)
def test_risk_is_the_loss_at_the_stop(side: int, stop: str, risk: int) -> None:
    found = held("EURUSD", side, "1", "1.10", stop=D(stop))
    assert found.risk == risk
    assert exposure_of([found, found]).risk == 2 * risk


def test_risk_converts_at_the_worse_price() -> None:
    found = held("USDJPY", 1, "1", "150", stop=D("149.5"))
    assert found.risk == D(50_000) * (1 / D("149.5"))


def test_without_a_stop_the_loss_goes_down_to_the_stop_out_once() -> None:
    """M8: equity 5,000, margin 2,500, stop-out at 50 %: 3,750."""
    loss = loss_to_stop_out(D(5000), D(2500), D(50))
    assert loss == 3750
    stopped = held("EURUSD", 1, "1", "1.10", stop=D("1.095"))
    assert exposure_of([*THREE, stopped], loss).risk == 4250
    assert exposure_of(THREE).risk is None
    assert exposure_of([stopped]).risk == 500


def test_accounts_together_lose_each_to_its_own_stop_out() -> None:
    one, other = exposure_of(THREE, D(100)), exposure_of(THREE[:1], D(20))
    both = exposure_together([one, other.converted(D(2))])
    assert both.risk == 140
    assert both.legs["EUR"].open == 330_000
    assert both.total.count == 4
    assert exposure_together([one, exposure_of(THREE)]).risk is None


# --- what always holds

amounts = st.decimals(0, 100, places=2)


def holdings(is_open: st.SearchStrategy[bool]) -> st.SearchStrategy[Holding]:
    return st.builds(
        lambda pair, *values: Holding(pair[0], *values[:3], *pair[1:], *values[3:]),
        st.sampled_from([("A", "EUR", "USD"), ("B", "EUR", "JPY")]),
        st.sampled_from([1, -1]),
        amounts,
        amounts,
        st.none() | amounts,
        is_open,
    )


some = st.lists(holdings(st.booleans()), max_size=6)


def stakes(exposure: Exposure) -> list[Decimal]:
    """Everything that a limit is compared with."""
    tallies = [exposure.total, *(exposure.by_symbol.get(s) for s in "AB")]
    spans = [exposure.legs.get(c, Span()) for c in ("EUR", "USD", "JPY")]
    hedges = [correlated(exposure.values, RHO, hedge_credit=credit) for credit in (True, False)]
    assert exposure.risk is not None
    return [
        *(D(0) if tally is None else tally.count + tally.lots for tally in tallies),
        *(span.worst for span in spans),
        *hedges,
        exposure.gross,
        exposure.risk,
    ]


@given(some, holdings(st.just(False)))
def test_another_pending_order_makes_nothing_smaller(old: list[Holding], new: Holding) -> None:
    before = stakes(exposure_of(old, D(100)))
    after = stakes(exposure_of([*old, new], D(100)))
    assert all(b <= a * (1 + D("1e-20")) for b, a in zip(before, after, strict=True))


@given(some, some)
def test_sums_add_up(one: list[Holding], other: list[Holding]) -> None:
    loss = D(100)
    parts = exposure_of(one, loss).plus(exposure_of(other, loss))
    assert stakes(parts) == pytest.approx(stakes(exposure_of([*one, *other], loss)))


@pytest.mark.parametrize("bad", [D("NaN"), D("Infinity"), D(-1)])
@pytest.mark.parametrize("name", ["lots", "value", "risk"])
def test_a_holding_is_of_numbers(name: str, bad: Decimal) -> None:
    with pytest.raises(EngineError, match="expected lots, value and risk of at least 0"):
        replace(THREE[0], **{name: bad})  # type: ignore[arg-type]  # any field
