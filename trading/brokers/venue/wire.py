"""Engine values as JSON lines, and one exchange of lines with the venue.

Decimals and times travel as text, so that nothing is rounded. What arrives may be anything:
`decode` takes only what has the shape of the value asked for.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from time import monotonic
from types import UnionType
from typing import Any, Final, TypeVar, cast, get_args, get_origin, get_type_hints

from trading.engine.types import EngineError

T = TypeVar("T")
ACK: Final = b"ok\n"
"""What a client sends back once it holds the whole answer."""

SHORTEST_WAIT: Final = 0.001


class NotConnected(OSError):
    """No connection: not a byte was written."""


def encode(value: Any) -> Any:
    """A value of the engine as what `json.dumps` takes."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if is_dataclass(value):
        return {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    return value


def decode(kind: type[T], value: Any) -> T:
    """What `encode` wrote, as a value of `kind`; EngineError for any other shape."""
    try:
        return cast(T, _decoded(kind, value))
    except (KeyError, TypeError, ValueError, InvalidOperation) as e:
        raise EngineError(f"Expected a {kind.__name__}, was {value!r}: {e}") from e


def line_of(message: Mapping[str, Any]) -> bytes:
    """A message as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def message_of(line: bytes) -> dict[str, Any]:
    """A line as a message; EngineError when it is no JSON object."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as e:
        raise EngineError(f"Expected a line of JSON, was {line[:80]!r}") from e
    if not isinstance(message, dict):
        raise EngineError(f"Expected a JSON object, was {line[:80]!r}")
    return message


def address_of(text: str) -> tuple[str, int]:
    """ "HOST:PORT" as a pair; EngineError when it is not that."""
    host, _, port = text.rpartition(":")
    if not (host and port.isdecimal()):
        raise EngineError(f"Expected HOST:PORT, was {text!r}")
    return host, int(port)


def connect(address: tuple[str, int], timeout: float) -> socket.socket:
    """A connection; raises NotConnected."""
    try:
        return socket.create_connection(address, timeout)
    except OSError as e:
        raise NotConnected(f"no connection to {address[0]}:{address[1]}: {e}") from e


def exchange(
    address: tuple[str, int],
    message: Mapping[str, Any],
    deadline: float,
    written: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Ask on a connection of its own and return the answer, within `deadline` seconds; `written`
    is called once the whole message is on its way.

    Raises NotConnected while nothing was written, OSError when the answer did not come whole, and
    EngineError when it is no message.
    """
    ends = monotonic() + deadline
    line = line_of(message)
    with connect(address, deadline) as connection:
        connection.sendall(line)
        written()
        answer = message_of(_read_line(connection, ends))
        with suppress(OSError):  # the answer is here; the venue merely will not know
            connection.sendall(ACK)
    return answer


def _read_line(connection: socket.socket, ends: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        connection.settimeout(max(ends - monotonic(), SHORTEST_WAIT))
        try:
            part = connection.recv(65536)
        except TimeoutError as e:
            raise TimeoutError("no answer within the deadline") from e
        if not part:
            raise ConnectionError("the connection ended before the answer")
        received += part
    return bytes(received)


def _decoded(kind: Any, value: Any) -> Any:
    if isinstance(kind, UnionType):
        inner = next(k for k in get_args(kind) if k is not type(None))
        return None if value is None else _decoded(inner, value)
    if get_origin(kind) is tuple:
        return tuple(_decoded(get_args(kind)[0], item) for item in _checked(list, value))
    if isinstance(kind, type) and is_dataclass(kind):
        hints, given = _hints(kind), _checked(dict, value)
        return kind(**{name: _decoded(hints[name], item) for name, item in given.items()})
    if issubclass(kind, Enum):
        return kind(value)
    return _SCALARS[kind](value)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _checked(kind: type[T], value: Any) -> T:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, was {value!r}")
    return value


def _decimal(value: Any) -> Decimal:
    number = Decimal(_checked(str, value))
    if not number.is_finite():
        raise ValueError(f"expected a finite number, was {value}")
    return number


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_checked(str, value))
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with its zone, was {value}")
    return moment


_SCALARS: Final[Mapping[Any, Any]] = {
    Decimal: _decimal,
    datetime: _moment,
    str: lambda value: _checked(str, value),
    int: lambda value: _checked(int, value),
    bool: lambda value: _checked(bool, value),
}
