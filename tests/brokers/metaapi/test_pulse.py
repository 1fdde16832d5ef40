"""The state of a link by its stamps."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.brokers.metaapi.pulse import DEGRADED_SECONDS, LinkState, Pulse

ONE, TWO = "new-york:0:h", "new-york:1:h"


@dataclass
class Heard:
    """A pulse on a clock that is moved by hand, and the sessions of its sockets."""

    now: float = 100.0
    sessions: dict[str, str] = field(default_factory=lambda: {ONE: "s1", TWO: "s1"})

    def __post_init__(self) -> None:
        self.pulse = Pulse(lambda: self.now)

    @property
    def state(self) -> LinkState:
        return self.pulse.state(lambda key: self.sessions[key])

    def connect(self, key: str = ONE) -> None:
        self.pulse.connected(key, self.sessions[key])

    def synchronize(self, key: str = ONE) -> None:
        self.pulse.started(key, "id")
        self.pulse.status(key, is_at_broker=True)
        self.pulse.finished(key, "id", "orders")
        self.pulse.finished(key, "id", "deals")


@pytest.fixture
def live() -> Heard:
    heard = Heard()
    heard.connect()
    heard.synchronize()
    return heard


def test_it_is_live_only_when_everything_has_been_told() -> None:
    heard = Heard()
    states = [heard.state]
    heard.connect()
    states.append(heard.state)
    heard.pulse.started(ONE, "id")
    heard.pulse.status(ONE, is_at_broker=True)
    heard.pulse.finished(ONE, "id", "orders")
    states.append(heard.state)
    heard.pulse.finished(ONE, "another", "deals")
    states.append(heard.state)
    heard.pulse.finished(ONE, "id", "deals")
    assert [*states, heard.state] == ["CONNECTING", "SYNCING", "SYNCING", "SYNCING", "LIVE"]


@pytest.mark.parametrize(
    ("seconds", "state"), [(5, "LIVE"), (5.1, "DEGRADED"), (60, "DEGRADED"), (60.1, "DOWN")]
)
def test_silence_degrades_it(live: Heard, seconds: float, state: str) -> None:
    live.now += seconds
    assert live.state == state


def test_a_status_packet_ends_the_silence_and_says_so(live: Heard) -> None:
    assert not live.pulse.status(ONE, is_at_broker=True)
    live.now += 6
    assert live.pulse.status(ONE, is_at_broker=True)
    assert live.state == "LIVE"


def test_a_terminal_without_broker_degrades_it(live: Heard) -> None:
    assert live.pulse.status(ONE, is_at_broker=False)
    assert live.state is LinkState.DEGRADED


def test_another_socket_knows_nothing_of_the_old_ones_state(live: Heard) -> None:
    live.sessions[ONE] = ""
    assert live.state == "DOWN"
    live.sessions[ONE] = "s2"
    assert live.state == "DOWN"
    live.connect()
    assert live.state == "SYNCING"


def test_a_synchronisation_begins_again(live: Heard) -> None:
    epoch = live.pulse.epoch
    live.pulse.started(ONE, "next")
    assert live.state == "SYNCING"
    assert live.pulse.epoch > epoch


def test_one_live_instance_is_enough(live: Heard) -> None:
    live.connect(TWO)
    assert live.state == "LIVE"
    live.pulse.gone(ONE)
    assert live.state == "SYNCING"
    live.pulse.lost("new-york:")
    assert live.state == "DOWN"


def test_an_unknown_instance_changes_nothing() -> None:
    heard = Heard()
    heard.synchronize()
    heard.pulse.gone(ONE)
    assert (heard.state, heard.pulse.epoch) == (LinkState.CONNECTING, 0)


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["connect", "synchronize", "away", "gone", "drop"]), st.floats(0, 10)
    ),
    max_size=20,
)


@given(STEPS)
def test_it_is_never_live_without_a_fresh_word_on_the_same_socket(steps: list[str | float]) -> None:
    heard, last = Heard(), float("-inf")
    session = ""
    for step in steps:
        if isinstance(step, float):
            heard.now += step
        elif step == "connect":
            heard.connect()
            last, session = heard.now, heard.sessions[ONE]
        elif step == "synchronize":
            heard.synchronize()
            last = heard.now
        elif step == "drop":
            heard.sessions[ONE] += "'"
        elif step == "gone":
            heard.pulse.gone(ONE)
        else:
            heard.pulse.status(ONE, is_at_broker=False)
        if heard.state is LinkState.LIVE:
            assert heard.now - last <= DEGRADED_SECONDS and session == heard.sessions[ONE]
