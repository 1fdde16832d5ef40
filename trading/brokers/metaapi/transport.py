"""One HTTP exchange with MetaApi: over within a deadline, never repeated, no secrets in its errors.

There is one httpx client for each process, made on first use, so that it survives a fork. It
follows no redirects, uses no proxies and verifies certificates (SSL_CERT_FILE is honoured).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any, Final

import httpcore
import httpx

CONNECT_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 15.0
"""An idle connection is used again for this long: shorter than any server or NAT keeps it."""
LARGEST_ANSWER: Final = 64 * 2**20

_ENDS: ContextVar[float] = ContextVar("ends", default=inf)
"""Monotonic time at which the exchange of this thread is over."""
_UNWRITTEN: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class NotConnected(Exception):
    """No connection: not a byte of the request was written."""


class NoAnswer(Exception):
    """The request may have been written; no whole answer came."""


class TimeIsUp(NoAnswer):
    """It did not come within the deadline."""


class Token:
    """An API token that shows itself only in a header."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Token(hidden)"

    def reveal(self) -> str:
        """The token itself."""
        return self._text

    def hidden_in(self, body: bytes) -> bytes:
        """An answer without the token, should the server say it back."""
        return body.replace(self._text.encode(), b"(token)") if self._text else body


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `written` is called when its body is on its way."""

    method: str
    url: str
    token: Token
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    written: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Http:
    """The client of this process; `transport` replaces the network in tests."""

    def __init__(self, transport: Callable[[], httpx.BaseTransport] | None = None) -> None:
        self._transport = transport or _network
        self._process = 0
        self._client: httpx.Client | None = None

    def exchange(self, call: Call, ends: float) -> Answer:
        """Ask once and return the answer, over at `ends` of the monotonic clock.

        Raises NotConnected while nothing was written, else NoAnswer.
        """
        token = _ENDS.set(ends)
        started = _Progress(call.written)
        try:
            return self._send(call, ends, started)
        except _UNWRITTEN as e:
            kind = NoAnswer if started.is_written else NotConnected
            raise kind(f"{_what(call)}: no connection: {_why(e)}") from e
        except httpx.TimeoutException as e:
            raise TimeIsUp(f"{_what(call)}: no answer within the deadline: {_why(e)}") from e
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise NoAnswer(f"{_what(call)}: no whole answer: {_why(e)}") from e
        finally:
            _ENDS.reset(token)

    def close(self) -> None:
        """Release the connections; the next exchange makes new ones."""
        if self._client is not None and self._process == os.getpid():
            self._client.close()
        self._client = None

    def _send(self, call: Call, ends: float, started: _Progress) -> Answer:
        left = ends - monotonic()
        if left <= 0:
            raise httpx.PoolTimeout("no time left")
        client = self._here()
        headers = {"auth-token": call.token.reveal(), **call.headers}
        if call.body is not None:
            headers["content-type"] = "application/json"
        timeout = httpx.Timeout(left, connect=min(CONNECT_SECONDS, left))
        request = client.build_request(
            call.method,
            call.url,
            params=dict(call.params) or None,
            content=call.body,
            headers=headers,
            timeout=timeout,
            extensions={"trace": started},
        )
        response = client.send(request, stream=True)
        try:
            body = _read(response)
        finally:
            response.close()
        return Answer(response.status_code, response.headers, call.token.hidden_in(body))

    def _here(self) -> httpx.Client:
        if self._client is None or self._process != os.getpid():
            self._client = httpx.Client(
                transport=self._transport(), trust_env=False, follow_redirects=False
            )
            self._process = os.getpid()
        return self._client


class _Progress:
    """Follows a request as httpcore reports it."""

    def __init__(self, written: Callable[[], None] | None) -> None:
        self._written = written
        self.is_written = False

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(".send_request_headers.started"):
            self.is_written = True
        elif event.endswith(".send_request_body.complete") and self._written is not None:
            self._written()


def _read(response: httpx.Response) -> bytes:
    received = bytearray()
    for part in response.iter_bytes():
        received += part
        if len(received) > LARGEST_ANSWER:
            raise httpx.ReadError(f"expected at most {LARGEST_ANSWER} bytes")
    return bytes(received)


def _what(call: Call) -> str:
    return f"{call.method} {httpx.URL(call.url).path}"


def _why(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


# --- the deadline, held at every read and write of the socket


def _network() -> httpx.BaseTransport:
    context = httpx.create_ssl_context()
    transport = httpx.HTTPTransport(verify=context, retries=0, trust_env=False)
    transport.close()
    transport._pool = _pool(context)  # httpx gives the pool no other network
    return transport


def _pool(context: ssl.SSLContext) -> httpcore.ConnectionPool:
    return httpcore.ConnectionPool(
        ssl_context=context,
        max_connections=50,
        max_keepalive_connections=10,
        keepalive_expiry=KEPT_SECONDS,
        retries=0,
        network_backend=_Network(),
    )


def _left(timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    """Seconds that one step may take: its own limit, or the rest of the whole."""
    left = _ENDS.get() - monotonic()
    if left <= 0:
        raise late("the deadline is over")
    least = min(left, inf if timeout is None else timeout)
    return None if least == inf else least


class _Network(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        late = httpcore.ConnectTimeout
        inner = self._inner.connect_tcp(
            host, port, _left(timeout, late), local_address, socket_options
        )
        try:
            _left(None, late)  # finding the address has no limit of its own
        except httpcore.ConnectTimeout:
            inner.close()
            raise
        return _Stream(inner)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


HTTP: Final = Http()
"""What everybody in this process shares."""
