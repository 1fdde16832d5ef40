"""Lots from risk: known cases, and what must hold for all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.tables import instrument
from trading.engine import fills
from trading.engine.risk import Limits
from trading.engine.sizing import SizingRequest, loss_per_lot, margin_per_lot, size_position
from trading.engine.types import AccountState, Conversion, Costs

D = Decimal
ONE, INVERSE = Conversion(), Conversion(inverse=True)


def account(money: str, leverage: int = 10_000) -> AccountState:
    return AccountState("USD", D(money), D(money), D(0), leverage)


@dataclass(frozen=True)
class Case:
    """All of `risk` is the budget; levels as quoted."""

    risk: str
    price: str
    stop: str
    lots: str
    loss: str
    contract: str = "100000"
    conversion: Conversion = ONE
    step: str = "0.01"
    tick: str = "0.00001"
    commission: str = "0"
    slippage: int = 0

    def request(self) -> SizingRequest:
        spec = instrument(
            tick_size=D(self.tick),
            contract_size=D(self.contract),
            volume_min=D(self.step),
            volume_step=D(self.step),
            volume_max=D(100),
        )
        price, stop = D(self.price), D(self.stop)
        return SizingRequest(
            instrument=spec,
            account=account(self.risk, 10**9),
            side=1 if price > stop else -1,
            price=price,
            stop=stop,
            risk_percent=D(100),
            costs=Costs(D(self.commission), self.slippage),
            conversion=self.conversion,
        )


CASES = {
    "EURUSD": Case("100", "1.10000", "1.09500", "0.20", "500"),
    "commission": Case("100", "1.10000", "1.09500", "0.19", "507", commission="7"),
    "slippage on both sides": Case("100", "1.10000", "1.09500", "0.19", "520", slippage=10),
    "USDJPY bought, worst at the stop": Case(
        "100", "150.000", "149.500", "0.29", "334.448161", conversion=INVERSE, tick="0.001"
    ),
    "USDJPY sold, worst at the entry": Case(
        "100", "150.000", "150.500", "0.30", "333.333333", conversion=INVERSE, tick="0.001"
    ),
    "GBPJPY through USDJPY": Case(
        "125",
        "190.000",
        "189.000",
        "0.18",
        "666.666667",
        conversion=Conversion(rate=1 / D(150)),
        tick="0.001",
    ),
    "EURGBP through GBPUSD": Case(
        "200", "0.86000", "0.85700", "0.53", "375", conversion=Conversion(rate=D("1.25"))
    ),
    "EURUSD on euros": Case("200", "1.08000", "1.07600", "0.53", "371.747212", conversion=INVERSE),
    "gold": Case("50", "2350.00", "2340.00", "0.05", "1000", contract="100", tick="0.01"),
    "gold below the minimum": Case(
        "5", "2350.00", "2340.00", "0", "1000", contract="100", tick="0.01"
    ),
    "index in tenths": Case(
        "75", "39000.0", "38900.0", "0.7", "100", contract="1", tick="0.1", step="0.1"
    ),
    "broker's maximum": Case("100000", "1.10000", "1.09900", "100", "100"),
    "two average ranges": Case("100", "1.10000", "1.09760", "0.41", "240"),
    "0.29 exactly": Case("290", "1.10000", "1.09000", "0.29", "1000"),
    "0.3 exactly": Case("300", "1.10000", "1.09000", "0.3", "1000", step="0.1"),
    "EURUSD with commission 7 at 50 pips": Case(
        "100", "1.20000", "1.19500", "0.19", "507", commission="7"
    ),
    "US30 on euros": Case(
        "100", "35000", "34940", "1.8", "54.545455", "1", Conversion(rate=1 / D("1.1")), "0.1", "1"
    ),
    "half a percent of a small account": Case("2", "1.10000", "1.09500", "0", "500"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_known_size(case: Case) -> None:
    size = size_position(case.request())
    assert size.lots == D(case.lots)
    assert round(size.loss_per_lot, 6) == D(case.loss)
    assert size.money_at_risk <= D(case.risk) + D("1e-9")
    assert (size.denial is None) == (size.lots > 0)


def test_below_the_minimum_is_a_refusal_with_its_factors() -> None:
    denial = size_position(CASES["gold below the minimum"].request()).denial
    assert denial is not None
    assert denial.code == "VOLUME_BELOW_MIN"
    assert denial.message == "0.00 lots (risk) is below the broker's minimum 0.01"
    assert denial.numbers["raw_lots"] == "0.005000"


def test_the_base_is_the_smaller_of_balance_and_equity() -> None:
    request = CASES["EURUSD"].request()
    poor = replace(request.account, balance=D(100), equity=D(50))
    rich = replace(request.account, balance=D(100), equity=D(500))
    assert size_position(replace(request, account=poor)).lots == D("0.10")
    assert size_position(replace(request, account=rich)).lots == D("0.20")


def test_largest_order_and_margin_cap_and_name_themselves() -> None:
    request = CASES["EURUSD"].request()
    capped = size_position(replace(request, limits=Limits(max_lots=D("0.159"))))
    assert (capped.lots, capped.factors["binding"]) == (D("0.15"), "largest order")
    used = replace(account("1000", 30), margin=D(0))
    tight = replace(request, account=used, risk_percent=D(100), limits=Limits(margin_use=D(80)))
    size = size_position(tight)
    assert (size.lots, size.factors["binding"]) == (D("0.21"), "margin")
    assert round(size.lots * margin_per_lot(tight), 2) == D("770.00")


@pytest.mark.parametrize(
    ("price", "contract", "conversion", "leverage", "margin"),
    [
        ("1.1", "100000", ONE, 30, "3666.67"),
        ("150", "100000", INVERSE, 100, "1000.00"),
        ("2350", "5", ONE, 20, "587.50"),
    ],
)
def test_known_margin(
    price: str, contract: str, conversion: Conversion, leverage: int, margin: str
) -> None:
    request = SizingRequest(
        instrument=instrument(tick_size=D("0.01"), contract_size=D(contract)),
        account=account("10000", leverage),
        side=1,
        price=D(price),
        stop=D(1),
        risk_percent=D(1),
        conversion=conversion,
    )
    assert round(margin_per_lot(request), 2) == D(margin)


def test_margin_in_use_leaves_less_for_the_order() -> None:
    request = replace(CASES["EURUSD"].request(), account=account("1000", 30))
    busy = replace(request.account, margin=D(900))
    assert size_position(replace(request, account=busy)).denial is not None


def test_a_stop_at_the_entry_is_refused() -> None:
    request = CASES["EURUSD"].request()
    denial = size_position(replace(request, stop=request.price)).denial
    assert denial is not None
    assert denial.code == "STOP_REQUIRED"


@pytest.mark.parametrize("field", ["balance", "equity", "margin"])
def test_money_that_is_no_number_is_never_sized(field: str) -> None:
    request = CASES["EURUSD"].request()
    broken = replace(request.account, **{field: D("NaN")})  # type: ignore[arg-type]
    with pytest.raises(ArithmeticError):
        size_position(replace(request, account=broken))


# --- what must hold for all


@st.composite
def requests(draw: st.DrawFn) -> SizingRequest:
    tick = draw(st.sampled_from([D("0.00001"), D("0.001"), D("0.25")]))
    step = draw(st.sampled_from([D("0.01"), D("0.1"), D(1)]))
    price = draw(st.integers(1000, 10**6)) * tick
    away = draw(st.integers(1, 900)) * tick * draw(st.sampled_from([1, -1]))
    spec = instrument(
        tick_size=tick,
        contract_size=draw(st.sampled_from([D(1), D(100), D(100000)])),
        volume_min=step,
        volume_step=step,
    )
    return SizingRequest(
        instrument=spec,
        account=account(str(draw(st.decimals(1, 10**6, places=2))), 500),
        side=1 if away > 0 else -1,
        price=price,
        stop=price - away,
        risk_percent=draw(st.decimals("0.01", 100, places=2)),
        costs=Costs(draw(st.decimals(0, 10, places=2)), draw(st.integers(0, 3))),
        conversion=draw(
            st.sampled_from([ONE, INVERSE, Conversion(rate=1 / D(3)), Conversion(rate=D("1.37"))])
        ),
    )


@given(requests())
def test_the_loss_at_the_stop_stays_within_the_budget(request: SizingRequest) -> None:
    size = size_position(request)
    budget = request.account.balance * request.risk_percent / 100
    assert size.lots * size.loss_per_lot <= budget * (1 + D("1e-11"))
    assert size.money_at_risk == size.lots * size.loss_per_lot


@given(requests())
def test_lots_are_whole_steps_within_the_broker_s_range(request: SizingRequest) -> None:
    size, spec = size_position(request), request.instrument
    assert size.lots % spec.volume_step == 0
    assert size.lots == 0 or spec.volume_min <= size.lots <= spec.volume_max


@given(requests(), st.decimals(1, 5, places=2))
def test_more_risk_never_gives_less(request: SizingRequest, times: Decimal) -> None:
    bolder = replace(request, risk_percent=request.risk_percent * times)
    assert size_position(bolder).lots >= size_position(request).lots


@given(requests(), st.integers(1, 50))
def test_a_farther_stop_never_gives_more(request: SizingRequest, ticks: int) -> None:
    farther = request.stop - request.side * ticks * request.instrument.tick_size
    if farther > 0:
        assert size_position(replace(request, stop=farther)).lots <= size_position(request).lots


@given(requests())
def test_the_simulator_sizes_alike(request: SizingRequest) -> None:
    """The compiled scalars, in float, come to the same steps as Decimal."""
    spec, account = request.instrument, request.account
    contract = fills.contract_of(spec, request.costs, request.conversion, account.leverage)
    rate, tick = float(request.conversion.rate), spec.tick_size
    price = int(request.price / tick)
    distance = int(abs(request.price - request.stop) / tick)
    loss = fills.loss_per_step(contract, request.side, price, distance, rate)
    assert loss == pytest.approx(float(loss_per_lot(request) * spec.volume_step), rel=1e-12)
    margin = fills.margin_of(contract, 1, price, rate)
    steps = min(
        fills.whole_steps(float(account.balance) * float(request.risk_percent / 100), loss),
        fills.whole_steps(float(account.balance) * 0.8, margin),
        int(spec.volume_max / spec.volume_step),
    )
    assert size_position(request).lots == steps * spec.volume_step
