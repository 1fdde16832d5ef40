"""Reading the JSON of MetaApi: what is needed must be there, what is unknown is ignored.

Numbers come as Decimal from the digits of the text; nothing passes through a float.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, NoReturn

PLACES: Final = 10
"""More decimals than this are the noise of somebody's floating point (0.30000000000000004)."""
_FINEST: Final = Decimal(1).scaleb(-PLACES)
_LARGEST: Final = 18
"""Digits before the point; nothing of an account has more."""


class PayloadError(ValueError):
    """An answer that is not what the documentation says; names the value and what was found."""


def parse(body: bytes) -> Any:
    """The JSON of an answer; PayloadError when it is none."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as e:
        raise PayloadError(f"Expected JSON, was {body[:80]!r}") from e


def items_of(kind: str, payload: Any) -> Sequence[Any]:
    """A list of payloads; PayloadError when it is none."""
    if not isinstance(payload, list):
        raise PayloadError(f"{kind}: expected a list, was {_short(payload)}")
    return payload


class Fields:
    """The fields of one JSON object; `kind` is what the errors call it."""

    def __init__(self, kind: str, payload: Any) -> None:
        if not isinstance(payload, Mapping):
            raise PayloadError(f"{kind}: expected an object, was {_short(payload)}")
        self._kind = kind
        self._payload = payload

    def raw(self, name: str) -> Any:
        """The value as it came, None when it is absent."""
        return self._payload.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; the default where it is absent and one is given."""
        value = self._value(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a text", value)
        return value

    def ident(self, name: str, default: str | None = None) -> str:
        """An id as text: the documentation shows them as numbers and as texts."""
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self._wrong(name, "an id", value)
        return str(value)

    def number(self, name: str, default: Decimal | None = None) -> Decimal:
        """A finite number."""
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self._wrong(name, "a number", value)
        number = Decimal(value)
        if not number.is_finite() or number.adjusted() >= _LARGEST:
            raise self._wrong(name, f"a number below 1e{_LARGEST}", value)
        return _without_noise(number)

    def positive(self, name: str) -> Decimal:
        """A number above 0."""
        value = self.number(name)
        if value <= 0:
            raise self._wrong(name, "a number above 0", value)
        return value

    def level(self, name: str) -> Decimal | None:
        """A price level; absent, null and 0 all mean that there is none."""
        return self.number(name, Decimal(0)) or None

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        value = self.number(name, None if default is None else Decimal(default))
        if value != value.to_integral_value():
            raise self._wrong(name, "a whole number", value)
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._value(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def moment(self, name: str) -> datetime:
        """An ISO time with its zone, as UTC."""
        return self._moment(name, self._value(name, None))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, empty where it is absent."""
        value = self._value(name, [])
        if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise self._wrong(name, "a list of texts", value)
        return tuple(value)

    def one_of(self, name: str, choices: Mapping[str, Any]) -> Any:
        """What `choices` makes of a text; PayloadError names the choices."""
        value = self.text(name)
        if value not in choices:
            raise self._wrong(name, f"one of {', '.join(choices)}", value)
        return choices[value]

    def _moment(self, name: str, value: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise self._wrong(name, "an ISO time", value) from None
        if moment.tzinfo is None:
            raise self._wrong(name, "a time with its zone", value)
        return moment.astimezone(UTC)

    def _value(self, name: str, default: Any) -> Any:
        value = self._payload.get(name)
        if value is None:
            value = default
        if value is None:
            keys = ", ".join(sorted(map(str, self._payload)))
            was = "null" if name in self._payload else "absent"
            raise PayloadError(f"{self._kind}: expected '{name}', was {was}; keys {keys}")
        return value

    def _wrong(self, name: str, expected: str, value: Any) -> PayloadError:
        return PayloadError(
            f"{self._kind}: expected '{name}' to be {expected}, was {_short(value)}"
        )


def _without_noise(number: Decimal) -> Decimal:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "a finite number"
    if exponent >= -PLACES:
        return number
    return number.quantize(_FINEST, ROUND_HALF_EVEN).normalize() + Decimal(0)


def _short(value: Any) -> str:
    return repr(value)[:80]


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"expected a number, was {name}")
