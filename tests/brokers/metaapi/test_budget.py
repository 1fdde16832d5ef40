"""Requests are rationed, and trades go first."""

import os
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.brokers.base import NotSent, Unavailable
from trading.brokers.metaapi.budget import (
    LONGEST_PAUSE,
    UNSAID_PAUSE,
    Allowance,
    Budget,
    budget_for,
    pause_of,
)

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)


class Clock:
    """A clock that moves only by waiting."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


def small(rate: float = 1.0, burst: float = 5.0, reserve: float = 2.0) -> tuple[Budget, Clock]:
    clock = Clock()
    return Budget(Allowance(rate, burst, reserve), clock, clock.wait), clock


def test_readings_leave_the_last_tokens_to_trades() -> None:
    budget, clock = small()
    for _ in range(3):
        budget.read(0)
    with pytest.raises(Unavailable, match=r"within 0\.0 s, was 1\.0 s"):
        budget.read(0)
    budget.trade(0)
    budget.trade(0)
    with pytest.raises(NotSent, match=r"within 0\.0 s, was 1\.0 s"):
        budget.trade(0)
    assert clock.waited == []


def test_a_reading_waits_for_its_token() -> None:
    budget, clock = small()
    for _ in range(3):
        budget.read(0)
    budget.read(2)
    assert clock.now == pytest.approx(101, abs=1e-3)


def test_what_would_wait_too_long_does_not_wait_at_all() -> None:
    budget, clock = small()
    budget.pause(30)
    with pytest.raises(NotSent) as caught:
        budget.trade(5)
    assert (caught.value.code, clock.waited) == ("BUDGET", [])
    budget.trade(31)
    assert clock.now == pytest.approx(130, abs=1e-3)


def test_a_pause_never_shrinks_and_has_a_longest() -> None:
    budget, clock = small()
    budget.pause(1e12)
    budget.pause(1)
    budget.pause(-5)
    budget.read(LONGEST_PAUSE + 1)
    assert clock.now == pytest.approx(100 + LONGEST_PAUSE, abs=1e-3)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=40))
def test_never_more_passes_than_the_burst_and_what_was_earned(
    asks: list[tuple[bool, float]],
) -> None:
    budget, clock = small()
    passed = 0
    for is_trade, longest in asks:
        before = clock.now
        try:
            (budget.trade if is_trade else budget.read)(longest)
            passed += 1
        except (NotSent, Unavailable):
            pass
        assert clock.now - before <= longest + 1e-3
    assert passed <= 5 + (clock.now - 100) + 1e-3


def test_threads_share_one_bucket() -> None:
    budget, passed = Budget(Allowance(rate=0.001, burst=50, reserve=0)), list[int]()

    def take() -> None:
        for _ in range(20):
            try:
                budget.read(0)
            except Unavailable:
                return
            passed.append(1)

    threads = [Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 50


def test_a_lock_that_was_held_at_a_fork_does_not_stop_the_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budget, _ = small()
    budget._lock.acquire()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    budget.read(0)


@pytest.mark.parametrize(
    ("recommended", "server_time", "retry_after", "expected"),
    [
        (NOON + timedelta(seconds=9), NOON, "3", 9.0),
        (NOON - timedelta(seconds=9), NOON, None, 0.0),
        (NOON, None, "3", 3.0),
        (None, NOON, "3", 3.0),
        (None, None, "soon", UNSAID_PAUSE),
        (None, None, None, UNSAID_PAUSE),
    ],
)
def test_a_pause_is_measured_by_the_servers_clock(
    recommended: datetime | None,
    server_time: datetime | None,
    retry_after: str | None,
    expected: float,
) -> None:
    assert pause_of(recommended, server_time, retry_after) == expected


def test_everybody_who_asks_for_an_account_shares_its_budget() -> None:
    assert budget_for("a") is budget_for("a") is not budget_for("b")
