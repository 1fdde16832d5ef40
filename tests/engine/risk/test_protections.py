"""Protections: vectors worked out by hand, the traps of others, and what always holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.risk import Clock, Period, Scope, Unit
from trading.engine.risk.protection_rules import Book, Protection, Rule, Trade, Where
from trading.engine.risk.protections import Rest, judge
from trading.engine.types import EngineError

D = Decimal
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOOKS = {
    1: Book("USD", D(10_000), D(8_000)),
    2: Book("USD", D(5_000), D(5_000)),
    3: Book("EUR", D(1_000), D(1_000)),
}


def rule(kind: Protection, trades: int = 1, **terms: Any) -> Rule:
    return Rule(**{"id": 7, "kind": kind, "trades": trades, "duration": HOUR, **terms})


STOPS = rule(Protection.STOP_GUARD, 3)
COOLDOWN = rule(Protection.COOLDOWN)
DRAWDOWN = rule(Protection.MAX_DRAWDOWN, threshold=D(100))
PROFIT = rule(Protection.LOW_PROFIT, 2, scope=Scope.SYMBOL, threshold=D(-50))
STREAK = rule(Protection.LOSS_STREAK, 3, scope=Scope.DEPLOYMENT)


def trade(number: int, profit: float, ago: float | None = 0.0, **terms: Any) -> Trade:
    """Closed `ago` minutes before NOW; None = open."""
    closed_at = None if ago is None else NOW - timedelta(minutes=ago)
    given = {"account": 1, "symbol": 11, "deployment": 21, "side": 1, "reason": "STOP"}
    return Trade(id=number, profit=D(str(profit)), closed_at=closed_at, **{**given, **terms})


def trades(*profits: float, **terms: Any) -> list[Trade]:
    """One a minute, the last one now."""
    last = len(profits) - 1
    return [trade(n, profit, last - n, **terms) for n, profit in enumerate(profits)]


def judged(rule: Rule, found: Sequence[Trade], held: Sequence[Rest] = ()) -> list[Rest]:
    return judge([rule], found, BOOKS, NOW, held)


def one(rule: Rule, found: Sequence[Trade], held: Sequence[Rest] = ()) -> Rest:
    (lock,) = judged(rule, found, held)
    return lock


class TestStopGuard:
    def test_enough_losing_stops_lock_the_account_for_a_while(self) -> None:
        lock = one(STOPS, trades(-10, -20, -30.5))
        assert (lock.rule, lock.trade, lock.where, lock.side) == (7, 2, Where(1), None)
        assert lock.until == NOW + HOUR
        assert lock.reason == "3 losing stops in 1 d, -60.50 USD"

    @pytest.mark.parametrize(
        "found",
        [
            trades(-10, -10),
            trades(-10, -10, 5),  # a stop that followed the market into a gain
            [*trades(-10, -10), trade(9, -10, reason="SIGNAL")],
            [*trades(-10, -10), trade(9, -10, 1440)],
            [*trades(-10, -10), trade(9, -10, -5.1)],
            [*trades(-10, -10), trade(9, -10, None)],
        ],
    )
    def test_gains_other_exits_old_coming_and_open_ones_do_not_count(
        self, found: list[Trade]
    ) -> None:
        assert judged(STOPS, found) == []

    def test_small_losses_do_not_count_where_a_threshold_says_so(self) -> None:
        guard = replace(STOPS, threshold=D(1), unit=Unit.PERCENT_EQUITY)
        assert judged(guard, trades(-100, -100, -99.99)) == []
        assert judged(guard, trades(-100, -100, -100)) != []

    def test_each_side_may_be_locked_by_itself(self) -> None:
        found = [*trades(-1, -1), trade(8, -1, side=-1), trade(9, -1)]
        assert one(replace(STOPS, per_side=True), found).side == 1
        assert judged(replace(STOPS, per_side=True), found[:3]) == []


class TestCooldown:
    def test_any_close_is_followed_by_a_rest(self) -> None:
        lock = one(COOLDOWN, [trade(1, 12, 20)])
        assert lock.until == NOW + timedelta(minutes=40)
        assert lock.reason == "Rest after a close at 12.00 USD"

    def test_a_rest_that_is_over_is_none(self) -> None:
        assert judged(COOLDOWN, [trade(1, -12, 60)]) == []

    def test_with_a_threshold_only_a_loss_rests(self) -> None:
        cooldown = replace(COOLDOWN, threshold=D(10))
        assert one(cooldown, trades(-10, -9, 30)).trade == 0

    def test_until_the_next_reset_follows_the_zones_clock(self) -> None:
        """17:00 New York is 22:00 UTC before the clock changes on 8 March, 21:00 after."""
        until_reset = replace(COOLDOWN, duration=None)
        assert one(until_reset, [trade(1, 1)]).until == NOW.replace(hour=22)
        prague = replace(until_reset, clock=Clock(Period.DAY, time(0), "Europe/Prague"))
        assert one(prague, [trade(1, 1)]).until == NOW.replace(hour=23)
        monday = NOW + timedelta(days=7)
        lock = judge([until_reset], [replace(trade(1, 1), closed_at=monday)], BOOKS, monday)[0]
        assert lock.until == monday.replace(hour=21)


class TestDrawdown:
    def test_it_is_money_from_the_highest_sum(self) -> None:
        lock = one(DRAWDOWN, trades(50, -60, 10, -60.01, reason="SIGNAL"))
        assert (lock.trade, lock.reason) == (
            3,
            "Drawdown 110.01 USD in 1 d, allowed 100.00 USD",
        )
        assert judged(DRAWDOWN, trades(50, -60, 10, -50)) == []

    def test_many_small_losses_of_little_money_are_no_drawdown(self) -> None:
        """Summed ratios would pause here: each trade lost 1 % of a position of 800."""
        two_percent = replace(DRAWDOWN, threshold=D(2), unit=Unit.PERCENT_INITIAL)
        assert judged(two_percent, trades(*[-8] * 10)) == []
        assert one(two_percent, trades(*[-16.01] * 10)).reason.startswith("Drawdown 160.10 USD")

    def test_open_losses_count(self) -> None:
        lock = one(DRAWDOWN, [*trades(-40), trade(5, -30, None), trade(6, -31, None)])
        assert (lock.trade, lock.until) == (6, NOW + HOUR)
        assert (
            lock.reason == "Drawdown 101.00 USD, -61.00 USD of it open in 1 d, allowed 100.00 USD"
        )

    def test_open_losses_do_not_count_where_the_rule_says_so(self) -> None:
        found = [*trades(-40), trade(5, -61, None)]
        assert judged(replace(DRAWDOWN, with_open=False), found) == []

    def test_an_open_gain_excuses_no_closed_loss(self) -> None:
        assert one(DRAWDOWN, [*trades(-101), trade(5, 500, None)]).trade == 0

    def test_hedged_positions_are_no_loss(self) -> None:
        assert judged(DRAWDOWN, [trade(5, -500, None), trade(6, 450, None, side=-1)]) == []

    def test_few_trades_prove_nothing_where_more_are_asked_for(self) -> None:
        assert judged(replace(DRAWDOWN, trades=3), trades(-60, -60)) == []
        assert judged(replace(DRAWDOWN, trades=3), [*trades(-60, -60), trade(9, -1, None)]) != []


class TestLowProfit:
    def test_it_locks_the_symbol_on_its_account_only(self) -> None:
        found = [*trades(-30, -20.01), *trades(40, -10, symbol=12), *trades(-60, account=2)]
        lock = one(PROFIT, found)
        assert lock.where == Where(1, 11)
        assert lock.reason == "Made -50.01 USD in 2 trades in 1 d, required -50.00 USD"

    def test_open_losses_count(self) -> None:
        assert one(PROFIT, [*trades(-30), trade(5, -21, None)]).trade == 5

    def test_a_gain_that_is_too_small_may_be_the_trigger_but_only_once_the_rest_is_over(
        self,
    ) -> None:
        profit = replace(PROFIT, threshold=D(50))
        first = one(profit, trades(10, 20))
        assert first.trade == 1
        more = [*trades(10, 20), trade(8, 5)]
        assert judged(profit, more, [first]) == []
        assert one(profit, more, [replace(first, until=NOW)]).trade == 8


class TestStreak:
    def test_losses_in_a_row_lock_the_deployment(self) -> None:
        lock = one(STREAK, trades(-1, -2, -3))
        assert lock.where == Where(1, 11, 21)
        assert lock.reason == "3 losses in a row, -6.00 USD"

    def test_a_gain_ends_the_streak_and_nothing_does_not(self) -> None:
        assert judged(STREAK, trades(-1, -1, 1, -1, -1)) == []
        assert judged(STREAK, trades(-1, -1, 0, -1)) != []

    def test_an_open_loss_makes_it_longer(self) -> None:
        lock = one(STREAK, [*trades(-1, -2), trade(9, -3, None)])
        assert (lock.trade, lock.reason) == (
            9,
            "3 losses in a row, 1 of them open, -6.00 USD",
        )

    def test_positions_of_no_deployment_are_nobodys_streak(self) -> None:
        assert judged(STREAK, trades(-1, -2, -3, deployment=None)) == []


ALL = pytest.mark.parametrize(
    ("rule", "found"),
    [
        (STOPS, trades(-40, -40, -40)),
        (replace(COOLDOWN, threshold=D(1)), trades(-40)),
        (COOLDOWN, trades(-40)),
        (DRAWDOWN, trades(-60, -60)),
        (PROFIT, trades(-60, -60)),
        (STREAK, trades(-60, -60, -60)),
    ],
)


class TestLocksThatAreHeld:
    @ALL
    def test_a_gain_renews_nothing(self, rule: Rule, found: list[Trade]) -> None:
        held = judged(rule, found)
        assert held
        assert judged(rule, [*found, trade(99, 1, reason="STOP")], held) == []

    @ALL
    def test_an_open_loss_renews_nothing(self, rule: Rule, found: list[Trade]) -> None:
        assert judged(rule, [*found, trade(99, -500, None)], judged(rule, found)) == []

    @ALL
    def test_one_more_loss_makes_it_longer(self, rule: Rule, found: list[Trade]) -> None:
        later = NOW + timedelta(minutes=10)
        more = [*found, replace(trade(99, -60), closed_at=later)]
        (lock,) = judge([rule], more, BOOKS, later, judged(rule, found))
        assert (lock.trade, lock.until) == (99, later + HOUR)

    @ALL
    def test_what_a_person_let_go_of_is_not_locked_again(
        self, rule: Rule, found: list[Trade]
    ) -> None:
        released = [replace(lock, until=NOW) for lock in judged(rule, found)]
        assert judged(rule, found, released) == []

    def test_a_rule_does_not_mind_the_locks_of_others(self) -> None:
        held = judged(STOPS, trades(-1, -1, -1))
        assert judged(replace(STOPS, id=8), trades(-1, -1, -1), held) != []


class TestWhere:
    def test_a_rule_may_be_for_one_account(self) -> None:
        assert judged(replace(COOLDOWN, where=Where(2)), trades(-1)) == []
        assert one(replace(COOLDOWN, where=Where(1)), trades(-1)).where == Where(1)

    def test_everything_counts_trades_of_all_accounts(self) -> None:
        guard = replace(STOPS, scope=Scope.GLOBAL)
        found = [trade(1, -1, 3), trade(2, -1, 2, account=2), trade(3, -1, 1, account=3)]
        lock = one(guard, found)
        assert (lock.where, lock.trade) == (Where(), 3)
        assert lock.reason == "3 losing stops in 1 d, several currencies"

    def test_everything_adds_up_money_of_one_currency_only(self) -> None:
        drawdown = replace(DRAWDOWN, scope=Scope.GLOBAL)
        found = [trade(1, -60, 3), trade(2, -90, 1, account=3)]
        assert judged(drawdown, found) == []
        assert one(drawdown, [*found, trade(3, -41, account=2)]).where == Where()

    def test_percent_of_everything_is_of_all_equity_in_the_currency(self) -> None:
        drawdown = replace(DRAWDOWN, scope=Scope.GLOBAL, threshold=D(1), unit=Unit.PERCENT_EQUITY)
        assert judged(drawdown, trades(-150)) == []
        assert judged(drawdown, trades(-150.01)) != []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scope": Scope.GROUP}, "a scope of GLOBAL or ACCOUNT or SYMBOL or DEPLOYMENT, was GROUP"),
        ({"unit": Unit.LOTS}, "a unit of MONEY or PERCENT_EQUITY or PERCENT_INITIAL, was LOTS"),
        ({"trades": 0}, "at least 1 trade, was 0"),
        ({"threshold": D("NaN")}, "a threshold that is a number, was NaN"),
        ({"threshold": D(-1)}, "a threshold of at least 0, was -1"),
        ({"kind": Protection.MAX_DRAWDOWN}, "a threshold above 0, was 0"),
        ({"lookback": timedelta(0)}, "a lookback above 0, was 0:00:00"),
        ({"duration": timedelta(0)}, "a duration above 0, was 0:00:00"),
        ({"clock": Clock(Period.DAY, time(0), "Europe/Atlantis")}, "an IANA time zone, was 'Eur"),
    ],
)
def test_a_rule_that_makes_no_sense_says_why(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        replace(STOPS, **changed)


PROFITS = st.lists(st.integers(-100, 100), min_size=1, max_size=12)
RULES = st.sampled_from([STOPS, COOLDOWN, DRAWDOWN, PROFIT, STREAK])


@given(PROFITS)
def test_drawdown_is_that_of_the_path(profits: list[int]) -> None:
    path = list(accumulate([0, *profits]))
    assert bool(judged(DRAWDOWN, trades(*profits))) == (max(path) - path[-1] > 100)


@given(RULES, PROFITS, st.randoms())
def test_the_order_of_reading_does_not_matter(rule: Rule, profits: list[int], any_: Any) -> None:
    found = trades(*profits)
    shuffled = any_.sample(found, len(found))
    assert judged(rule, shuffled) == judged(rule, found)


@given(RULES, PROFITS)
def test_judging_again_finds_nothing_new(rule: Rule, profits: list[int]) -> None:
    found = trades(*profits)
    assert judged(rule, found, judged(rule, found)) == []


@given(RULES, PROFITS, st.lists(st.integers(0, 50), min_size=1, max_size=5))
def test_no_gain_makes_a_rest_longer(rule: Rule, profits: list[int], gains: list[int]) -> None:
    found = trades(*profits)
    held = judged(rule, found)
    gained = [trade(100 + n, gain) for n, gain in enumerate(gains)]
    assert not held or judged(rule, [*found, *gained], held) == []


@given(RULES, PROFITS)
def test_played_one_by_one_each_loss_triggers_at_most_once(rule: Rule, profits: list[int]) -> None:
    found, held = trades(*profits), list[Rest]()
    for count in range(1, len(found) + 1):
        held += judge([rule], found[:count], BOOKS, found[count - 1].closed_at or NOW, held)
    assert len({lock.trade for lock in held}) == len(held)
    assert all(later.until >= earlier.until for earlier, later in pairwise(held))
