"""Each method, each base, each scaling: the sizes, the factors, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.engine.sizing.asking import D, account, refusal, ruled, size
from trading.engine.sizing import Base, Caps, Facts, Method, Record, SizingRule, scales
from trading.engine.types import AccountState

UNEQUAL = AccountState("USD", D(9000), D(8000), D(500), 10**9)


@pytest.mark.parametrize(
    ("base", "money"),
    [
        (Base.LESSER, 8000),
        (Base.BALANCE, 9000),
        (Base.EQUITY, 8000),
        (Base.FREE_MARGIN, 7500),
        (Base.DAY_START, 9500),
        (Base.LOSS_ROOM, 4000),
    ],
)
def test_bases(base: Base, money: int) -> None:
    facts, caps = Facts(day_start_balance=D(9500)), Caps(loss_room=D(4000))
    sizing = size(account=UNEQUAL, rule=SizingRule(value=D(10), base=base), facts=facts, caps=caps)
    assert (sizing.factors["base"], sizing.factors["base_name"]) == (str(money), base.value)
    assert sizing.lots == D(money) / 10 / 500


def test_the_smaller_of_both_is_whichever_it_is() -> None:
    rich = replace(UNEQUAL, equity=D(9999))
    assert size(account=rich, rule=SizingRule(value=D(10))).factors["base"] == "9000"


@pytest.mark.parametrize(
    ("rule", "fact"),
    [
        (SizingRule(base=Base.DAY_START), "day_start_balance"),
        (SizingRule(base=Base.LOSS_ROOM), "loss_room"),
        (ruled(Method.ATR, 1), "atr"),
        (ruled(Method.VOLATILITY, 1), "annual_volatility"),
        (ruled(Method.KELLY, 1), "record"),
        (SizingRule(drawdown_from=D(4), drawdown_to=D(10)), "peak_balance"),
        (SizingRule(curve_factor=D(1)), "curve"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_rule_needs_and_nobody_knows_refuses(rule: SizingRule, fact: str) -> None:
    sizing = size(rule=rule)
    assert refusal(sizing) == "FACT_UNKNOWN"
    assert sizing.denial is not None
    assert sizing.denial.message == f"Expected {fact}, which the rule needs, was none"


def test_fixed_lots() -> None:
    sizing = size(rule=ruled(Method.FIXED, "0.579"))
    assert (sizing.lots, sizing.money_at_risk) == (D("0.57"), D(285))
    assert sizing.factors["fixed_lots"] == "0.579"
    assert "base" not in sizing.factors


def test_fixed_money() -> None:
    sizing = size(rule=ruled(Method.MONEY, "250"))
    assert (sizing.lots, sizing.factors["risk_money"]) == (D("0.50"), "250")
    assert "base" not in sizing.factors


def test_atr_counts_a_percentage_over_the_longer_distance() -> None:
    sizing = size(rule=ruled(Method.ATR, 1), facts=Facts(atr=D("0.01")))
    assert (sizing.lots, sizing.factors["stop_distance"]) == (D("0.05"), "0.02000")
    assert (sizing.factors["risk_percent"], sizing.factors["risk_money"]) == ("1", "100")


def test_a_volatility_target_is_a_notional_value() -> None:
    sizing = size(rule=ruled(Method.VOLATILITY, 10), facts=Facts(annual_volatility=D("0.05")))
    assert sizing.lots == D("0.18")  # 20,000 of 110,000 a lot
    names = ("target_percent", "annual_volatility", "notional", "base")
    assert [sizing.factors[name] for name in names] == ["10", "0.050000", "20000.00", "10000"]
    assert "risk_money" not in sizing.factors


def test_an_account_that_owes_has_no_size() -> None:
    broke = replace(UNEQUAL, balance=D(-5))
    sizing = size(account=broke, rule=SizingRule(base=Base.BALANCE))
    assert refusal(sizing) == "VOLUME_BELOW_MIN"
    assert sizing.factors["binding"] == "risk"


# --- Kelly


def kelly(
    trades: int = 100, wins: int = 60, won: object = 90, lost: object = 40, **rule: Any
) -> Any:
    record = Record(trades, wins, D(str(won)), D(str(lost)))
    return size(rule=ruled(Method.KELLY, 50, **rule), facts=Facts(record=record))


def test_a_quarter_of_kelly_at_the_lower_end_of_the_win_rate() -> None:
    """60 of 100: Wilson's lower end is 0.517810; f = (0.517810 x 2.5 - 1) / 1.5."""
    sizing = kelly()
    found = {name: D(sizing.factors[name]) for name in ("win_rate", "payoff", "kelly")}
    assert found == {"win_rate": D("0.517810"), "payoff": D("1.5"), "kelly": D("0.196349")}
    assert (sizing.factors["risk_percent"], sizing.factors["trades"]) == ("4.908729", "100")
    assert sizing.lots == D("0.98")


def test_kelly_is_capped() -> None:
    record = Record(100, 60, D(90), D(40))
    sizing = size(rule=ruled(Method.KELLY, 2), facts=Facts(record=record))
    assert (sizing.lots, sizing.factors["risk_percent"]) == (D("0.40"), "2.000000")


def test_kelly_needs_a_hundred_trades() -> None:
    sizing = kelly(trades=99)
    assert refusal(sizing) == "TOO_FEW_TRADES"
    assert sizing.denial.message == "Expected 100 trades to size by, was 99"


def test_kelly_may_start_with_a_percentage() -> None:
    sizing = kelly(trades=99, start_percent=D(1))
    assert (sizing.lots, sizing.factors["risk_percent"]) == (D("0.20"), "1.000000")
    assert sizing.factors["trades"] == "99"
    assert kelly(trades=100, start_percent=D(1)).lots == D("0.98")


@pytest.mark.parametrize(
    ("wins", "won", "lost"), [(50, 50, 50), (0, 0, 40), (60, 0, 40), (48, 70, 52)]
)
def test_kelly_without_an_edge_that_is_likely_trades_nothing(
    wins: int, won: int, lost: int
) -> None:
    sizing = kelly(wins=wins, won=won, lost=lost)
    assert refusal(sizing) == "NO_EDGE"
    assert sizing.denial.message.startswith("Expected trades that win, was a rate of at least 0.")
    assert sizing.denial.message.endswith(" R")


def test_kelly_where_nothing_won_tells_a_payoff_of_nothing() -> None:
    assert kelly(wins=0, won=0).factors["payoff"] == "0.000000"


def test_kelly_may_win_little_but_often() -> None:
    sizing = kelly(wins=90, won=45, lost=10)
    assert (sizing.factors["payoff"], sizing.denial) == ("0.500000", None)


def test_kelly_without_a_loss_says_nothing() -> None:
    sizing = kelly(wins=100, won=90, lost=0)
    assert refusal(sizing) == "FACT_UNKNOWN"
    assert sizing.denial.message == "Expected a trade that lost, to size by, was none"


@pytest.mark.parametrize(("wins", "trades"), [(0, 100), (1, 150), (60, 100), (100, 100)])
def test_the_lower_win_rate_is_where_the_score_test_just_holds(wins: int, trades: int) -> None:
    """Wilson: (p - l) / sqrt(l (1 - l) / n) is the quantile."""
    low = scales.lower_win_rate(wins, trades)
    p = D(wins) / trades
    if wins == 0:
        assert abs(low) < D("1e-20")
        return
    score = (p - low) / (low * (1 - low) / trades).sqrt()
    assert abs(score - D("1.6448536269514722")) < D("1e-15")


# --- drawdown and equity curve


@pytest.mark.parametrize(
    ("drawdown", "scale"), [("3", "1"), ("4", "1"), ("7", "0.5"), ("9.9", "0.0166"), ("10", "0")]
)
def test_drawdown_scale_falls_in_a_line(drawdown: str, scale: str) -> None:
    found = scales.drawdown_scale(D(drawdown), D(4), D(10))
    assert found.quantize(D("0.0001"), "ROUND_FLOOR") == D(scale)


def test_a_scale_that_is_only_noise_is_nothing() -> None:
    assert scales.drawdown_scale(D("9.999999999999"), D(4), D(10)) == 0
    assert scales.drawdown_scale(D("9.999999999994"), D(4), D(10)) == 0
    assert scales.drawdown_scale(D("9.9999999999939"), D(4), D(10)) > 0
    assert scales.drawdown_scale(D("9.99999999"), D(4), D(10)) > 0


def drawn(state: AccountState, peak: int = 10_000, **rule: Any) -> Any:
    rule = {"value": D(1), "drawdown_from": D(4), "drawdown_to": D(10), **rule}
    return size(account=state, rule=SizingRule(**rule), facts=Facts(peak_balance=D(peak)))


def test_floating_losses_count_as_drawdown() -> None:
    sizing = drawn(replace(account(10_000), equity=D(9300)))
    assert (sizing.factors["drawdown"], sizing.factors["drawdown_scale"]) == ("7.0000", "0.500000")
    assert sizing.factors["risk_money"] == "46.5"


def test_floating_profits_hide_no_drawdown() -> None:
    assert drawn(replace(account(9300), equity=D(11_000))).factors["drawdown"] == "7.0000"


def test_a_new_peak_is_no_drawdown() -> None:
    sizing = drawn(account(12_000))
    assert (sizing.factors["drawdown"], sizing.lots) == ("0.0000", D("0.24"))


def test_a_balance_beyond_the_known_peak_is_the_peak() -> None:
    state = replace(account(12_000), equity=D(11_160))
    assert drawn(state).factors["drawdown_scale"] == "1.000000"
    assert drawn(state, drawdown_from=D(0)).factors["drawdown"] == "0.0000"


def test_a_drawdown_of_nearly_everything_refuses() -> None:
    sizing = drawn(account(9000))
    assert refusal(sizing) == "DRAWDOWN"
    assert sizing.denial.message == "Drawdown is 10.00 %, sizes end at 10 %"
    assert sizing.factors["drawdown_scale"] == "0.000000"


@pytest.mark.parametrize("method", ["FIXED", "MONEY", "VOLATILITY"])
def test_scaling_holds_for_every_method(method: str) -> None:
    value = {"FIXED": "0.2", "MONEY": "100", "VOLATILITY": "10"}[method]
    facts = Facts(peak_balance=D(10_000), annual_volatility=D("0.045454545454545454"))
    rule = ruled(Method(method), value, base=Base.BALANCE, drawdown_from=D(0), drawdown_to=D(20))
    whole = size(rule=rule, facts=facts).lots
    half = size(account=replace(account(), equity=D(9000)), rule=rule, facts=facts).lots
    assert (whole, half) == (D("0.20"), D("0.10"))


RISING = tuple(D(k) for k in range(20))


def curved(curve: tuple[Decimal, ...], factor: str = "0.5") -> Any:
    return size(
        rule=SizingRule(value=D(1), curve_factor=D(factor)),
        facts=Facts(curve=curve),
    )


@pytest.mark.parametrize(
    ("curve", "is_below"),
    [
        ((), False),
        (RISING[::-1][:19], False),  # nineteen trades make no mean
        (RISING, False),
        (RISING[::-1], True),
        ((*RISING[:19], D(-1)), True),
        ((D(1000), *RISING), False),  # only the newest twenty count
        ((D(-1000), *RISING[::-1]), True),
        ((D(7),) * 20, False),  # at the mean is not below it
    ],
)
def test_below_the_mean_of_twenty(curve: tuple[Decimal, ...], is_below: bool) -> None:
    assert scales.is_below_mean(curve) is is_below
    sizing = curved(curve)
    assert sizing.factors["curve_scale"] == ("0.5" if is_below else "1")
    assert sizing.lots == (D("0.10") if is_below else D("0.20"))


def test_a_curve_factor_of_nothing_refuses() -> None:
    sizing = curved(RISING[::-1], "0")
    assert refusal(sizing) == "EQUITY_CURVE"
    assert sizing.denial.message == "The strategy's equity is below its mean of 20 trades"
    assert curved(RISING, "0").lots == D("0.20")


def test_a_warning_of_the_limits_multiplies_as_well() -> None:
    halved = Facts(limit_scale=D("0.5"), peak_balance=D(10_000))
    plain = size(facts=halved)
    assert (plain.factors["limit_scale"], plain.lots) == ("0.5", D("0.10"))
    rule = SizingRule(value=D(1), drawdown_from=D(4), drawdown_to=D(10))
    state = replace(account(10_000), equity=D(9300))
    assert size(account=state, rule=rule, facts=halved).factors["risk_money"] == "23.25"
    assert "limit_scale" not in size().factors


def test_both_scalings_multiply() -> None:
    rule = SizingRule(value=D(1), curve_factor=D("0.5"), drawdown_from=D(4), drawdown_to=D(10))
    facts = Facts(curve=RISING[::-1], peak_balance=D(10_000))
    state = replace(account(10_000), equity=D(9300))
    factors = size(account=state, rule=rule, facts=facts).factors
    assert factors["risk_money"] == "23.25"
