"""What refuses an order: each control at and beyond its value, and whatever is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.engine.risk.cases import CLOCK, EUR, NOON, OPEN, D, code_of, good, on
from trading.engine.risk import (
    CHECKS,
    INPUT_INVALID,
    INPUT_MISSING,
    INPUT_STALE,
    SPECS,
    Action,
    Control,
    Correlations,
    Facts,
    Limit,
    LimitSet,
    Scope,
    Subject,
    SubjectFacts,
    Unit,
    effective,
    evaluate,
    exposure_of,
    first_denial,
    limit_of,
    size_factor,
)
from trading.engine.types import EngineError

NAN = Decimal("NaN")
SELL = replace(EUR, side=-1)
C = Control


def of(control: Control, value: object, **terms: Any) -> Limit:
    return limit_of(control, str(value), **terms)


def order(**change: Any) -> Facts:
    return good(order=change)


def history(**change: Any) -> Facts:
    return good(history=change)


def account(**change: Any) -> Facts:
    return good(account=change)


def sized(lots: str) -> Facts:
    return order(holding=replace(EUR, lots=D(lots)))


MEDIANS, MONEY, SHARE = {"unit": Unit.MEDIANS}, {"unit": Unit.MONEY}, {"unit": Unit.PERCENT_EQUITY}
AT_AND_BEYOND = [  # limit, facts at the limit, facts beyond it
    (of(C.IN_DOUBT, 1), history(in_doubt=0), history(in_doubt=1)),
    (of(C.SIGNAL_AGE, 60), order(signal_age=D(60)), order(signal_age=D("60.1"))),
    (of(C.QUOTE_AGE, 10), order(quote_age=D(10)), order(quote_age=D("10.1"))),
    (of(C.QUOTE_AGE, 10), order(quote_age=D(-10)), order(quote_age=D(-11))),
    (of(C.QUOTE_AGE, 5, **MEDIANS), order(quote_age=D(5)), order(quote_age=D(6))),
    (of(C.MAX_SPREAD, 3), order(spread_ticks=D(3)), order(spread_ticks=D("3.1"))),
    (of(C.MAX_SPREAD, 3, **MEDIANS), order(spread_ticks=D(6)), order(spread_ticks=D(7))),
    (of(C.NEWS_WINDOW, 15), order(news_in=(D(-901), D(901))), order(news_in=(D(-900),))),
    (of(C.NEWS_WINDOW, 15), order(news_in=()), order(news_in=(D(5000), D(900)))),
    (of(C.NEWS_WINDOW, 15, window=60), order(news_in=(D(-61),)), order(news_in=(D(-60),))),
    (of(C.NEWS_CLOSES, 2), order(news_in=(D(-121), D(121))), order(news_in=(D(120),))),
    (of(C.WEEKEND_WINDOW, 60), order(weekend_in=(D(-5), D(3601))), order(weekend_in=(D(3600),))),
    (of(C.WEEKEND_FLAT, 30), order(weekend_in=(D(1801),)), order(weekend_in=(D(1800),))),
    (of(C.STOP_REQUIRED, 1), order(stop_ticks=D(1)), order(stop_ticks=D(0))),
    (of(C.STOP_REQUIRED, 1), order(least_stop_ticks=D(50)), order(least_stop_ticks=D(51))),
    (of(C.STOP_REQUIRED, 1), good(), order(stop_ticks=None)),
    (of(C.MAX_STOP, 2), order(stop_ticks=D(60)), order(stop_ticks=D(61))),
    (of(C.MAX_STOP, 2), good(), order(stop_ticks=None)),
    (of(C.ORDER_FORM, 1), sized("1"), sized("1.5")),
    (of(C.ORDER_FORM, 1), sized("1000"), sized("1001")),
    (of(C.ORDER_FORM, 1), good(), order(is_open=False)),
    (of(C.ORDER_FORM, 1), good(), order(is_allowed=False)),
    (of(C.DUPLICATE, 5), history(equal_orders=(D(6),)), history(equal_orders=(D(6), D(5)))),
    (of(C.DUPLICATE, 5), history(equal_orders=()), history(decision_orders=1)),
    (of(C.PRICE_COLLAR, "0.5"), order(price=D("1.1055")), order(price=D("1.1056"))),
    (of(C.PRICE_COLLAR, "0.5"), order(price=D("1.0945")), order(price=D("1.0944"))),
    (of(C.MAX_LOTS, 3), sized("3"), sized("3.01")),
    (of(C.MAX_VALUE, 1000), good(), order(holding=replace(EUR, value=D(1001)))),
    (of(C.USUAL_LOTS, 5), sized("5"), sized("6")),
    (of(C.USUAL_LOTS, "0.5"), history(own_lots=(D(1),) * 19), good()),
    (of(C.SLIPPAGE, 5), history(slips=((D(1), D(6)),) * 2), history(slips=((D(1), D(-6)),) * 3)),
    (of(C.SLIPPAGE, 5), history(slips=((D(3600), D(6)),) * 3), history(slips=((D(9), D(6)),) * 3)),
    (
        of(C.REPEATED_ENTRIES, 5),
        history(executions=(D(1),) * 4 + (D(600),)),
        history(executions=(D(599),) * 5),
    ),
    (of(C.LOSS_STREAK, 3), history(losses_in_a_row=2), history(losses_in_a_row=3)),
    (
        of(C.LOSS_STREAK, 3),
        history(losses_in_a_row=3, last_loss_age=D(14400)),
        history(losses_in_a_row=3, last_loss_age=D(14399)),
    ),
    (of(C.MAX_POSITIONS, 2), good(OPEN), good(OPEN, EUR)),
    (of(C.MAX_OPEN_LOTS, 2), good(OPEN), good(OPEN, replace(EUR, lots=D("0.01")))),
    (on(Scope.GROUP, of(C.MAX_POSITIONS, 2)), good(OPEN), good(OPEN, OPEN)),
    (of(C.GLOBAL_POSITIONS, 2), good(OPEN), good(OPEN, OPEN)),
    (of(C.CURRENCY_EXPOSURE, 2000, **MONEY), good(OPEN), good(OPEN, EUR)),
    (of(C.CURRENCY_EXPOSURE, 20, **SHARE), good(OPEN), good(OPEN, EUR)),
    (of(C.OPEN_RISK, 2, **SHARE), good(OPEN), good(OPEN, EUR)),
    (of(C.OPEN_RISK, 200, **MONEY), good(OPEN), good(OPEN, replace(OPEN, risk=None))),
    (of(C.CORRELATED_EXPOSURE, 2000, **MONEY), good(OPEN), good(OPEN, EUR)),
    (of(C.GLOBAL_EXPOSURE, 2000, **MONEY), good(OPEN), good(OPEN, EUR)),
    (of(C.DAILY_LOSS, 5), good(equity=D(9500)), good(equity=D("9499.99"))),
    (of(C.STRATEGY_LOSS, 5), good(equity=D(9500)), good(equity=D("9499.99"))),
    (of(C.STRATEGY_DRAWDOWN, 5), good(equity=D(9500)), good(equity=D("9499.99"))),
    (of(C.MAX_DRAWDOWN, 10), good(equity=D(9000)), good(equity=D("8999.99"))),
    (of(C.GLOBAL_LOSS, 5), good(equity=D(9500)), good(equity=D("9499.99"))),
    (of(C.EQUITY_STOP, 9000), good(equity=D(9000)), good(equity=D("8999.99"))),
    (of(C.MARGIN_LEVEL, 200), account(margin=D(4950)), account(margin=D("4950.01"))),
    (of(C.MARGIN_LEVEL, 200), account(margin=D(0)), account(reserved_margin=D(5000))),
    (of(C.MARGIN_LEVEL, 0), account(margin=D(9999)), good(equity=D(0), account={"margin": D(0)})),
    (of(C.MARGIN_USE, 80), account(margin=D(7950)), account(margin=D("7950.01"))),
    (of(C.RECON_MISMATCH, 2), account(mismatches=1), account(mismatches=2)),
    (
        of(C.BALANCE_MOVED, 1, action=Action.BLOCK),
        account(uncounted_moves=0),
        account(uncounted_moves=1),
    ),
    (of(C.SAFE_MODE, 1), good(), good(problems=("the disk is full",))),
    (of(C.MAX_MESSAGES, 2), good(), history(messages={Subject.GLOBAL: (D(10), D(59))})),
]


@pytest.mark.parametrize(
    ("limit", "at", "beyond"), AT_AND_BEYOND, ids=[row[0].control for row in AT_AND_BEYOND]
)
def test_a_limit_lets_pass_at_it_and_refuses_beyond(limit: Limit, at: Facts, beyond: Facts) -> None:
    assert code_of(limit, at) is None
    assert code_of(limit, beyond) == SPECS[limit.control].code


def test_every_control_is_judged() -> None:
    tested = {limit.control for limit, _, _ in AT_AND_BEYOND}
    assert set(CHECKS) - tested == {C.DAILY_LOSS_USED, C.ROLLOVER_WINDOW}


@pytest.mark.parametrize(
    ("minutes", "code"), [(-11, None), (-10, "ROLLOVER"), (10, "ROLLOVER"), (11, None)]
)
def test_no_entries_around_the_rollover(minutes: int, code: str | None) -> None:
    at = datetime(2026, 3, 4, 22, tzinfo=UTC) + timedelta(minutes=minutes)
    assert code_of(of(C.ROLLOVER_WINDOW, 10), good(at=at)) == code


@pytest.mark.parametrize(("equity", "found"), [(9701, None), (9700, "REDUCE"), (9600, "REDUCE")])
def test_a_share_of_the_daily_loss_reduces(equity: int, found: str | None) -> None:
    """60 % of 5 % of 10,000 are 300."""
    limits = LimitSet((of(C.DAILY_LOSS, 5), of(C.DAILY_LOSS_USED, 60)))
    denial = first_denial(limits, good(equity=D(equity)))
    assert (denial and denial.action.value) == found


@pytest.mark.parametrize(("equity", "factor"), [(9701, "1"), (9700, "0.5")])
def test_a_share_that_only_notifies_halves_sizes(equity: int, factor: str) -> None:
    warning = of(C.DAILY_LOSS_USED, 60, action=Action.NOTIFY)
    found = evaluate(LimitSet((of(C.DAILY_LOSS, 5), warning)), good(equity=D(equity)))
    assert size_factor(found) == D(factor)
    assert not any(finding.denies for finding in found)


def test_an_order_may_take_away_from_exposure_beyond_the_limit() -> None:
    limit = of(C.CURRENCY_EXPOSURE, 1500, **MONEY)
    assert code_of(limit, good(OPEN, OPEN, order={"holding": SELL})) is None
    assert code_of(limit, good(OPEN, OPEN)) == "CURRENCY_EXPOSURE"


def test_a_currency_is_limited_by_its_own_limit() -> None:
    usd = on(Scope.CURRENCY, of(C.CURRENCY_EXPOSURE, 1500, **MONEY), "USD")
    assert code_of(usd, good(OPEN)) == "CURRENCY_EXPOSURE"
    assert code_of(replace(usd, target="JPY"), good(OPEN)) is None


def test_a_symbol_and_a_deployment_count_their_own() -> None:
    other = replace(OPEN, symbol="GBPUSD", deployment="2")
    limit = of(C.MAX_POSITIONS, 2)
    for scope in (Scope.SYMBOL, Scope.DEPLOYMENT):
        assert code_of(on(scope, limit), good(OPEN, other, other)) is None
        assert code_of(on(scope, limit), good(OPEN, OPEN)) == "MAX_POSITIONS"
    assert code_of(limit, good(OPEN, other)) == "MAX_POSITIONS"


def test_a_group_counts_the_order_in_its_currency() -> None:
    limit = on(Scope.GROUP, of(C.OPEN_RISK, 150, **MONEY))
    sums = SubjectFacts(D(1), exposure_of([]), rate=D("1.5"))
    assert code_of(limit, good(subjects={(Subject.GROUP, "7"): sums})) is None
    dearer = replace(sums, rate=D("1.51"))
    assert code_of(limit, good(subjects={(Subject.GROUP, "7"): dearer})) == "OPEN_RISK"


def test_a_hedge_counts_less_only_with_credit() -> None:
    pound = replace(OPEN, symbol="GBPUSD", side=-1, value=D(2000), base="GBP")
    limit = of(C.CORRELATED_EXPOSURE, 1342, **MONEY)
    facts = good(OPEN, pound, order={"holding": replace(EUR, value=D(0))})
    assert code_of(limit, facts) is None  # 1000² + 2000² - 2 x 0.8 x 1000 x 2000 = 1341.6²
    assert code_of(replace(limit, hedge_credit=False), facts) == "CORRELATED_EXPOSURE"


@pytest.mark.parametrize(
    ("margin", "action"), [(5000, Action.BLOCK), (8333, Action.BLOCK), (8334, Action.FLATTEN)]
)
def test_a_ladder_acts_on_what_is_and_refuses_what_would_be(margin: int, action: Action) -> None:
    rungs = (of(C.MARGIN_LEVEL, 200), of(C.MARGIN_LEVEL, 120, action=Action.FLATTEN))
    found = evaluate(LimitSet(rungs), account(margin=D(margin)))
    assert max(found, key=lambda finding: finding.action.rank).action is action


def test_the_margin_level_of_the_vector() -> None:
    """M7: 5,000 / 2,500 is 200 %, after another 1,500 it is 125 %."""
    now = good(equity=D(5000), account={"margin": D(2500)}, order={"margin": D(0)})
    assert code_of(of(C.MARGIN_LEVEL, 200), now) is None
    after = good(equity=D(5000), account={"margin": D(2500)}, order={"margin": D(1500)})
    (found,) = evaluate(LimitSet((of(C.MARGIN_LEVEL, 200),)), after)
    assert found.numbers["level"] == "125.00"


@pytest.mark.parametrize(("age", "action"), [(600, Action.PAUSE), (601, Action.BLOCK)])
def test_too_many_messages_again_pause(age: int, action: Action) -> None:
    found = first_denial(LimitSet((of(C.MAX_MESSAGES, 1),)), history(refused_messages=(D(age),)))
    assert found is not None
    assert found.action is action


# --- what is not known


UNKNOWN = [
    (of(C.IN_DOUBT, 1), history(in_doubt=None)),
    (of(C.SIGNAL_AGE, 1), order(signal_age=None)),
    (of(C.QUOTE_AGE, 1), order(quote_age=None)),
    (of(C.QUOTE_AGE, 1, **MEDIANS), order(usual_quote_gap=None)),
    (of(C.MAX_SPREAD, 9), order(spread_ticks=None)),
    (of(C.MAX_SPREAD, 9, **MEDIANS), order(usual_spread_ticks=None)),
    (of(C.NEWS_WINDOW, 1), order(news_in=None)),
    (of(C.WEEKEND_WINDOW, 1), order(weekend_in=None)),
    (of(C.STOP_REQUIRED, 1), order(least_stop_ticks=None)),
    (of(C.MAX_STOP, 9), order(atr_ticks=None)),
    (of(C.ORDER_FORM, 1), order(is_open=None)),
    (of(C.ORDER_FORM, 1), order(is_allowed=None)),
    (of(C.ORDER_FORM, 1), order(instrument=None)),
    (of(C.DUPLICATE, 1), history(equal_orders=None)),
    (of(C.DUPLICATE, 1), history(decision_orders=None)),
    (of(C.PRICE_COLLAR, 1), order(price=None)),
    (of(C.PRICE_COLLAR, 1), order(mid=None)),
    (of(C.MAX_LOTS, 9), order(holding=None)),
    (of(C.MAX_VALUE, 9), order(holding=None)),
    (of(C.USUAL_LOTS, 9), history(own_lots=None)),
    (of(C.SLIPPAGE, 9), history(slips=None)),
    (of(C.MAX_MESSAGES, 9), history(messages={})),
    (of(C.REPEATED_ENTRIES, 9), history(executions=None)),
    (of(C.LOSS_STREAK, 9), history(losses_in_a_row=None)),
    (of(C.LOSS_STREAK, 1), history(last_loss_age=None)),
    (of(C.MAX_POSITIONS, 9), order(holding=None)),
    (of(C.MAX_POSITIONS, 9), good(subjects={})),
    (of(C.MAX_POSITIONS, 9), account(reading_age=None)),
    (of(C.MAX_POSITIONS, 9), good(subjects={(Subject.ACCOUNT, ""): SubjectFacts(D(1))})),
    (on(Scope.GROUP, of(C.MAX_POSITIONS, 9), "8"), good()),
    (of(C.CURRENCY_EXPOSURE, 9), good(equity=None)),
    (of(C.CORRELATED_EXPOSURE, 9), good(equity=None)),
    (of(C.OPEN_RISK, 9), good(equity=None)),
    (of(C.GLOBAL_EXPOSURE, 9), good(equity=None)),
    (of(C.DAILY_LOSS, 9), good(equity=None)),
    (of(C.DAILY_LOSS, 9, zone="Europe/Prague"), good()),
    (of(C.EQUITY_STOP, 9), good(equity=None)),
    (of(C.MARGIN_LEVEL, 9), account(margin=None)),
    (of(C.MARGIN_LEVEL, 9), order(margin=None)),
    (of(C.MARGIN_USE, 9), account(reserved_margin=None)),
    (of(C.RECON_MISMATCH, 9), account(mismatches=None)),
    (of(C.BALANCE_MOVED, 1, action=Action.BLOCK), account(uncounted_moves=None)),
    (of(C.SAFE_MODE, 1), good(problems=None)),
]


@pytest.mark.parametrize(("limit", "facts"), UNKNOWN, ids=[row[0].control for row in UNKNOWN])
def test_what_is_not_known_blocks(limit: Limit, facts: Facts) -> None:
    assert code_of(limit, facts) == INPUT_MISSING


INVALID = [
    (of(C.SIGNAL_AGE, 1), order(signal_age=NAN)),
    (of(C.QUOTE_AGE, 1), order(quote_age=D("sNaN"))),
    (of(C.QUOTE_AGE, 1, **MEDIANS), order(usual_quote_gap=D(0))),
    (of(C.MAX_SPREAD, 9), order(spread_ticks=D("-Infinity"))),
    (of(C.NEWS_WINDOW, 1), order(news_in=(D(99999), NAN))),
    (of(C.STOP_REQUIRED, 1), order(stop_ticks=NAN)),
    (of(C.MAX_STOP, 9), order(atr_ticks=D(0))),
    (of(C.PRICE_COLLAR, 1), order(price=NAN)),
    (of(C.PRICE_COLLAR, 1), order(mid=D(0))),
    (of(C.MAX_LOTS, 9), sized("0")),
    (of(C.USUAL_LOTS, 9), history(own_lots=(NAN,) * 20)),
    (of(C.SLIPPAGE, 9), history(slips=((D(1), NAN),))),
    (of(C.MAX_MESSAGES, 9), history(messages={Subject.GLOBAL: (NAN,)})),
    (of(C.LOSS_STREAK, 1), history(last_loss_age=NAN)),
    (of(C.MAX_POSITIONS, 9), account(reading_age=NAN)),
    (of(C.CURRENCY_EXPOSURE, 9), good(equity=NAN)),
    (of(C.DAILY_LOSS, 9), good(equity=D("Infinity"))),
    (of(C.EQUITY_STOP, 9), good(equity=NAN)),
    (of(C.MARGIN_LEVEL, 9), account(margin=D(-1))),
    (of(C.MARGIN_USE, 9), order(margin=NAN)),
    (of(C.CORRELATED_EXPOSURE, 9), good(OPEN, replace(OPEN, symbol="X"))),
]


@pytest.mark.parametrize(("limit", "facts"), INVALID, ids=[row[0].control for row in INVALID])
def test_what_is_no_number_blocks(limit: Limit, facts: Facts) -> None:
    assert code_of(limit, facts) == INPUT_INVALID


def test_an_old_reading_and_a_reference_of_yesterday_are_stale() -> None:
    assert code_of(of(C.MAX_POSITIONS, 9), account(reading_age=D("5.1"))) == INPUT_STALE
    tomorrow = CLOCK.next(NOON)
    assert code_of(of(C.DAILY_LOSS, 5), good(at=tomorrow)) == INPUT_STALE
    assert code_of(of(C.DAILY_LOSS, 5), good(at=tomorrow - timedelta(seconds=1))) is None


def test_without_correlations_nothing_is_guessed() -> None:
    facts = good(OPEN, replace(OPEN, symbol="GBPUSD"), correlations=Correlations())
    assert code_of(of(C.CORRELATED_EXPOSURE, 9), facts) == INPUT_INVALID


def test_what_only_notifies_never_denies() -> None:
    limit = of(C.MAX_LOTS, 1, action=Action.NOTIFY)
    for facts, code in ((order(holding=None), INPUT_MISSING), (sized("2"), "ORDER_TOO_LARGE")):
        (found,) = evaluate(LimitSet((limit,)), facts)
        assert (found.code, found.denies) == (code, False)
        assert first_denial(LimitSet((limit,)), facts) is None


def test_time_is_aware() -> None:
    with pytest.raises(EngineError, match="Expected an aware time"):
        good(at=NOON.replace(tzinfo=None))


# --- together


def test_without_limits_the_standing_ones_hold() -> None:
    assert evaluate(effective([]), good()) == ()
    found = evaluate(effective([]), history(in_doubt=2))
    assert [(f.control, f.message) for f in found] == [
        (C.IN_DOUBT, "Count of orders in doubt is 2, limit of default 0")
    ]


def test_the_cheap_ones_refuse_first_and_the_rest_is_told() -> None:
    limits = effective([of(C.DAILY_LOSS, 1), of(C.MAX_SPREAD, 1), of(C.MAX_LOTS, "0.5")])
    facts = good(equity=D(9000))
    found = [finding.control for finding in evaluate(limits, facts)]
    assert found == [C.MAX_SPREAD, C.MAX_LOTS, C.DAILY_LOSS]
    denial = first_denial(limits, facts)
    assert denial is not None
    assert denial.denied().numbers == {"found": "2", "limit": "1", "value": "1 ticks"}
    assert denial.denied().code == "SPREAD_TOO_WIDE"


def test_a_reading_judges_what_holds_without_an_order() -> None:
    limits = effective(
        [of(C.DAILY_LOSS, 5), of(C.MARGIN_LEVEL, 200), of(C.MAX_LOTS, 0), of(C.MAX_POSITIONS, 0)]
    )
    reading = replace(good(equity=D(9499), account={"margin": D(4700)}), order=None)
    (found,) = evaluate(limits, reading)
    assert (found.control, found.action) == (C.DAILY_LOSS, Action.PAUSE)
    assert found.message == "Equity 9499 is below the floor 9500 (5 % of the reference)"
