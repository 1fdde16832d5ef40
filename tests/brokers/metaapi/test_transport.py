"""Real sockets: what became of a request decides what is known of it, within the deadline."""

import logging
import os
import signal
import socket
import traceback
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import monotonic

import pytest

from tests.brokers.metaapi.scripted import TOKEN
from tests.brokers.metaapi.sockets import DONE, Behaviour, dripping, http, sending, serving, silent
from trading import crashpoints
from trading.brokers.base import BrokerError, NotSent, Unavailable, UnknownOutcome
from trading.brokers.metaapi import Hosts, MetaApiClient
from trading.brokers.metaapi.budget import Budget
from trading.brokers.metaapi.codes import Outcome
from trading.brokers.metaapi.rest import Limits
from trading.brokers.metaapi.transport import Call, Http, NotConnected, Token

NUMBERS = count(1)
BODY = {"actionType": "ORDER_TYPE_BUY", "symbol": "EURUSD", "volume": 0.1}


@pytest.fixture
def wire() -> Iterator[Http]:
    """An HTTP client of the test's own."""
    wire = Http()
    yield wire
    wire.close()


def client(wire: Http, url: str, **limits: float) -> MetaApiClient:
    return MetaApiClient(
        TOKEN,
        f"socket-{next(NUMBERS)}",
        Hosts(base_url=url),
        http=wire,
        budget=Budget(),
        limits=Limits(**{"trade": 5.0, "read": 5.0, **limits}),
    )


def free_url() -> str:
    """Nobody listens here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_trade_is_sent_once_and_answered(wire: Http) -> None:
    with serving(sending(DONE)) as server:
        answer = client(wire, server.url).trade(BODY)
    assert (answer.outcome, answer.order_id) == (Outcome.EXECUTED, "7")
    assert server.count("/trade") == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        sending(b""),
        sending(b"HTTP/1.1 200 OK\r\nContent-Le"),
        sending(DONE[:-20]),
        sending(http(b"{}")),
        sending(http(b"{")),
        sending(http(b"[]")),
        sending(http(b"\xff")),
        sending(b"SSH-2.0-hello\r\n"),
        sending(http(b"boom", "500 Internal Server Error")),
        sending(http(b"", "502 Bad Gateway")),
        sending(http(b"", "202 Accepted", "Retry-After: 1")),
        sending(http(b"", "302 Found", "Location: /trade")),
        sending(http(b"x", "200 OK", "Content-Encoding: gzip")),
        sending(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 50\r\n\r\n{"),
    ],
)
def test_anything_but_a_clean_answer_proves_nothing_and_is_not_asked_again(
    wire: Http, behaviour: Behaviour
) -> None:
    with serving(behaviour) as server:
        asked = client(wire, server.url)
        try:
            found = asked.trade(BODY).outcome
        except UnknownOutcome:
            found = Outcome.UNKNOWN
    assert (found, server.count("/trade")) == (Outcome.UNKNOWN, 1)


@pytest.mark.parametrize("behaviour", [silent, dripping(DONE, 0.05)])
def test_a_trade_is_over_at_its_deadline_however_slow_the_answer_comes(
    wire: Http, behaviour: Behaviour
) -> None:
    with serving(behaviour) as server:
        asked, began = client(wire, server.url, trade=0.5), monotonic()
        with pytest.raises(UnknownOutcome, match="no answer within the deadline"):
            asked.trade(BODY)
        assert monotonic() - began < 1.5
    assert server.count("/trade") == 1


def test_a_body_that_drips_is_cut_as_well(wire: Http) -> None:
    head, _, body = DONE.partition(b"\r\n\r\n")
    drip = dripping(body, 0.05)

    def answer(connection: socket.socket) -> None:
        connection.sendall(head + b"\r\n\r\n")
        drip(connection)

    with serving(answer) as server:
        asked, began = client(wire, server.url, trade=0.5), monotonic()
        with pytest.raises(UnknownOutcome):
            asked.trade(BODY)
        assert monotonic() - began < 1.5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_what_metaapi_refuses_itself_was_not_sent(wire: Http, status: int) -> None:
    refusal = sending(http(b'{"message": "No"}', f"{status} No"))
    with serving(refusal) as server, pytest.raises(NotSent, match="No") as caught:
        client(wire, server.url).trade(BODY)
    assert (caught.value.code, server.count("/trade")) == (f"HTTP_{status}", 1)


def test_a_trade_to_nobody_was_not_sent(wire: Http) -> None:
    with pytest.raises(NotSent):
        client(wire, free_url()).trade(BODY)


def test_a_host_that_went_away_after_the_region_was_known_was_sent_nothing(wire: Http) -> None:
    with serving(sending(DONE)) as server:
        asked = client(wire, server.url)
        asked.trade(BODY)
    with pytest.raises(NotSent) as caught:
        asked.trade(BODY)
    assert caught.value.code == "NOT_CONNECTED"


@pytest.mark.parametrize(
    ("behaviour", "asked_times"),
    [
        (sending(http(b"", "500 Oops")), 2),
        (sending(b""), 2),
        (sending(http(b'{"message": "No"}', "403 No")), 1),
        (sending(http(b"{}")), 1),
        (sending(http(b"{")), 1),
    ],
)
def test_a_reading_is_asked_a_second_time_only_where_the_server_stumbled(
    wire: Http, behaviour: Behaviour, asked_times: int
) -> None:
    with serving(behaviour) as server, pytest.raises(Unavailable):
        client(wire, server.url).positions()
    assert server.count("/positions") == asked_times


def test_a_slow_reading_is_over_at_its_deadline(wire: Http) -> None:
    with serving(dripping(http(b"[]"), 0.05)) as server:
        asked, began = client(wire, server.url, read=0.5), monotonic()
        with pytest.raises(Unavailable, match="deadline"):
            asked.positions()
        assert monotonic() - began < 1.5
    assert server.count("/positions") == 1


def test_nothing_is_written_once_the_time_is_up(wire: Http) -> None:
    with serving(sending(DONE)) as server:
        call = Call("POST", f"{server.url}/trade", Token(TOKEN), body=b"{}")
        with pytest.raises(NotConnected, match="no time left"):
            wire.exchange(call, monotonic() - 1)
    assert server.requests == []


def test_a_fork_goes_on_with_a_client_of_its_own(wire: Http) -> None:
    with serving(sending(http(b"[]"))) as server:
        asked = client(wire, server.url)
        asked.positions()
        child = os.fork()
        if child == 0:  # pragma: no cover - another process
            os._exit(0 if asked.positions() == [] else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert list(asked.positions()) == []
    assert server.count("/positions") == 3


def test_a_process_can_die_between_write_and_answer(
    wire: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(silent) as server:
        asked = client(wire, server.url)
        child = os.fork()
        if child == 0:  # pragma: no cover - another process
            (tmp_path / "c4-after-write").write_text("SIGKILL")
            crashpoints.arm(str(tmp_path))
            asked.trade(BODY)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
    assert (os.WTERMSIG(status), server.count("/trade")) == (signal.SIGKILL, 1)


@pytest.mark.parametrize(
    "behaviour",
    [
        sending(b""),
        sending(http(f'{{"message": "{TOKEN} is bad"}}'.encode(), "401 No")),
        sending(http(f'{{"message": "{TOKEN} is bad"}}'.encode(), "500 No")),
        sending(http(f'{{"message": "{TOKEN}", "numericCode": 10006}}'.encode())),
    ],
)
def test_the_token_is_in_no_log_no_error_and_no_url(
    wire: Http,
    behaviour: Behaviour,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("httpx", "httpcore.connection", "httpcore.http11"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        caplog.set_level(logging.DEBUG, logger=name)
    said = []
    with serving(behaviour) as server:
        asked = client(wire, server.url)
        for call in (lambda: asked.trade(BODY), asked.positions):
            try:
                said.append(repr(call()))
            except BrokerError as e:
                said += [repr(e), *traceback.format_exception(e)]
    secret = TOKEN.split(".")[1]
    shown = [*said, *server.requests, caplog.text, repr(asked), repr(vars(asked))]
    assert len(caplog.records) > 5
    assert [text for text in shown if secret in text] == []
