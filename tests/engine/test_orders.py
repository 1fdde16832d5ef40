"""The state machine of orders: legal moves only, sent once, and what is over stays over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trading.engine.orders import (
    FINAL,
    IN_DOUBT,
    OPEN,
    RESERVING,
    SOFT_FINAL,
    TRANSITIONS,
    OrderStatus,
    legal_pairs,
    sources,
)

S = OrderStatus
Path = tuple[OrderStatus, ...]
every_status = pytest.mark.parametrize("status", list(OrderStatus))


def paths(*start: OrderStatus) -> Iterator[Path]:
    """Every path that goes on from `start`, to its end; none may visit a state twice."""
    assert len(set(start)) == len(start), f"Expected no way back, was {start}"
    if not TRANSITIONS[start[-1]]:
        yield start
    for target in TRANSITIONS[start[-1]]:
        yield from paths(*start, target)


PATHS = tuple(paths(S.PROPOSED))


def test_every_path_ends_in_a_final_state() -> None:
    assert {path[-1] for path in PATHS} == FINAL


def test_no_path_sends_twice_and_none_executes_unsent() -> None:
    executed = {S.ACCEPTED, S.PARTIAL, S.FILLED, S.DONE_PARTIAL, S.REJECTED, S.NOT_EXECUTED}
    for path in PATHS:
        assert path.count(S.SENDING) <= 1
        assert S.SENDING in path or not executed & set(path)


def test_an_order_is_approved_before_it_is_sent() -> None:
    assert sources(S.SENDING) == {S.APPROVED}
    assert sources(S.APPROVED) == {S.PROPOSED}


@every_status
def test_every_status_has_its_moves_and_is_reachable(status: OrderStatus) -> None:
    assert status in TRANSITIONS
    assert any(status in path for path in PATHS)


@every_status
def test_a_status_is_either_open_or_over(status: OrderStatus) -> None:
    assert [status in kind for kind in (OPEN, SOFT_FINAL, FINAL)].count(True) == 1


@pytest.mark.parametrize("status", sorted(FINAL))
def test_nothing_follows_a_final_state(status: OrderStatus) -> None:
    assert not TRANSITIONS[status]


@pytest.mark.parametrize("status", sorted(SOFT_FINAL))
def test_only_late_evidence_follows_a_soft_final_state(status: OrderStatus) -> None:
    assert TRANSITIONS[status] == {S.LATE_FILLED}


def test_late_evidence_follows_nothing_else() -> None:
    assert sources(S.LATE_FILLED) == SOFT_FINAL


@pytest.mark.parametrize("status", sorted(OPEN))
def test_an_open_state_has_a_way_out(status: OrderStatus) -> None:
    assert TRANSITIONS[status]


@every_status
def test_sources_are_the_transitions_read_backwards(status: OrderStatus) -> None:
    assert sources(status) == {source for source in S if status in TRANSITIONS[source]}


def test_legal_pairs_are_the_transitions_one_by_one() -> None:
    pairs = list(legal_pairs())
    assert len(pairs) == len(set(pairs)) == sum(map(len, TRANSITIONS.values()))
    assert all(S(target) in TRANSITIONS[S(source)] for source, target in pairs)


def test_what_was_sent_and_is_not_over_reserves_its_risk() -> None:
    assert IN_DOUBT < RESERVING
    assert OPEN - {S.PROPOSED, S.APPROVED} == RESERVING


def test_doubt_ends_in_every_answer_a_broker_can_give() -> None:
    answers = {S.ACCEPTED, S.PARTIAL, S.FILLED, S.REJECTED}
    assert all(answers <= TRANSITIONS[status] for status in IN_DOUBT)


class AnyMoves(RuleBasedStateMachine):
    """Somebody who tries any move at any time; only what `sources` allows is carried out."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[OrderStatus] = [S.PROPOSED]

    @rule(to=st.sampled_from(S))
    def attempt(self, to: OrderStatus) -> None:
        if self.path[-1] in sources(to):
            self.path.append(to)

    @invariant()
    def sent_at_most_once(self) -> None:
        assert self.path.count(S.SENDING) <= 1

    @invariant()
    def over_stays_over(self) -> None:
        over = [status for status in self.path if status in FINAL | SOFT_FINAL]
        assert over == self.path[len(self.path) - len(over) :]
        assert len(over) <= 1 or over[1:] == [S.LATE_FILLED]

    @invariant()
    def follows_a_path_on_record(self) -> None:
        walked = tuple(self.path)
        assert any(path[: len(walked)] == walked for path in PATHS)


AnyMoves.TestCase.settings = settings(max_examples=50, stateful_step_count=60, deadline=None)
TestAnyMoves = AnyMoves.TestCase
