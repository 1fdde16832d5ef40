"""The adapter: what became of a request decides which of the four errors is raised."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from tests.brokers.venue.running import LONG_AGO, Site, entry
from trading.brokers.base import BrokerError, NotSent, Rejected, Unavailable, UnknownOutcome
from trading.brokers.venue import VenueBroker, VenueStream
from trading.engine.types import EngineError

CALLS = ("submit", "close", "modify", "cancel")


def call(broker: VenueBroker, name: str) -> object:
    """One of the four that send something."""
    if name == "submit":
        return broker.submit(entry())
    arguments = {"close": ("7",), "modify": ("7", None, None), "cancel": ("client-1",)}[name]
    return getattr(broker, name)(*arguments)


@contextmanager
def answering(answer: bytes | None) -> Iterator[str]:
    """A server that reads one line and answers this, or (None) nothing while the test runs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=_answer_once, args=(server, answer))
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def _answer_once(server: socket.socket, answer: bytes | None) -> None:
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as lines:
        lines.readline()
        if answer is None:
            lines.read()
        else:
            connection.sendall(answer)


def free_address() -> str:
    """Nobody listens here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("name", CALLS)
def test_what_was_never_written_was_not_sent(name: str) -> None:
    with pytest.raises(NotSent):
        call(VenueBroker(free_address(), "a"), name)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b'{"result": tr',
        b'{"result": true}',
        b"[]\n",
        b"\xff\xfe\n",
        b"{}\n",
        b'{"error": "ambiguous", "code": "TRADE_TIMEOUT"}\n',
        b'{"error": "rejected"}\n',
        b'{"error": "rejected", "code": 7}\n',
    ],
)
def test_anything_but_a_clean_answer_proves_nothing(name: str, answer: bytes | None) -> None:
    with answering(answer) as address, pytest.raises(UnknownOutcome):
        call(VenueBroker(address, "a", deadline=0.1), name)


@pytest.mark.parametrize("result", [b"null", b"{}", b'{"order_id": 1, "position_id": null}'])
def test_a_receipt_of_another_shape_proves_nothing(result: bytes) -> None:
    with answering(b'{"result": ' + result + b"}\n") as address, pytest.raises(UnknownOutcome):
        VenueBroker(address, "a").submit(entry())


@pytest.mark.parametrize("name", CALLS)
def test_a_refusal_with_its_code_is_one(name: str) -> None:
    answer = b'{"error": "rejected", "code": "NO_MONEY", "message": "too poor"}\n'
    with answering(answer) as address, pytest.raises(Rejected, match="too poor") as caught:
        call(VenueBroker(address, "a"), name)
    assert caught.value.code == "NO_MONEY"


@pytest.mark.parametrize("answer", [None, b"", b"?\n", b'{"error": "x"}\n', b'{"result": {}}\n'])
def test_a_reading_without_a_clean_answer_is_unavailable(answer: bytes | None) -> None:
    with answering(answer) as address, pytest.raises(Unavailable):
        VenueBroker(address, "a", deadline=0.1).account()
    with answering(answer) as address, pytest.raises(Unavailable):
        VenueBroker(address, "a", deadline=0.1).snapshot(LONG_AGO)
    with answering(answer) as address, pytest.raises(Unavailable):
        VenueStream(address, deadline=0.1).history("EURUSD", "M1", LONG_AGO, LONG_AGO)


def test_nobody_there_makes_readings_unavailable() -> None:
    with pytest.raises(Unavailable):
        VenueBroker(free_address(), "a").account()
    with pytest.raises(Unavailable):
        VenueStream(free_address()).now()


def test_an_address_has_a_host_and_a_port() -> None:
    with pytest.raises(EngineError, match="Expected HOST:PORT"):
        VenueBroker("venue", "a")


def test_levels_of_a_position_that_is_gone_are_refused(site: Site) -> None:
    with pytest.raises(Rejected) as caught:
        site.broker.modify("99", None, None)
    assert caught.value.code == "POSITION_NOT_FOUND"


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_made_by_fork_trades_on_connections_of_its_own(site: Site) -> None:
    site.broker.feed([])
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            site.broker.submit(entry("from-the-child"))
            status = len(site.broker.feed([]))
        except BrokerError:
            pass
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert site.broker.submit(entry("from-the-parent")).fills
    assert [e["client_id"] for e in site.executions()] == ["from-the-child", "from-the-parent"]
