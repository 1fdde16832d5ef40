"""What is needed must be there and of its kind; numbers keep their digits."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.brokers.metaapi.payload import Fields, PayloadError, items_of, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def test_a_missing_field_is_named_with_the_fields_that_are_there() -> None:
    with pytest.raises(PayloadError) as caught:
        Fields("position", {"b": 1, "a": None}).number("volume")
    assert str(caught.value) == "position: expected 'volume', was absent; keys a, b"
    with pytest.raises(PayloadError, match="expected 'a', was null"):
        Fields("position", {"a": None}).text("a")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[NaN]", b"[Infinity]", b"[" * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError, match="Expected JSON"):
        parse(body)


@given(st.integers(-(10**12), 10**12), st.integers(0, 10))
def test_a_number_keeps_the_digits_of_its_text(digits: int, places: int) -> None:
    text = format(Decimal(digits).scaleb(-places), "f")
    number = Fields("x", parse(b'{"n": %s}' % text.encode())).number("n")
    assert format(number, "f") == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"0.30000000000000004", "0.3"),
        (b"1.2610100000000001", "1.26101"),
        (b"1e-400", "0"),
        (b"-0.1", "-0.1"),
        (b"5", "5"),
    ],
)
def test_the_noise_of_floating_point_is_taken_off(text: bytes, expected: str) -> None:
    assert Fields("x", parse(b'{"n": %s}' % text)).number("n") == Decimal(expected)


@pytest.mark.parametrize("value", ["1", True, [], {}, Decimal("NaN"), Decimal("1e999"), 10**18])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(PayloadError, match="x: expected 'n' to be a number"):
        Fields("x", {"n": value}).number("n")


@pytest.mark.parametrize("value", [7, "7"])
def test_an_id_is_a_text_however_it_comes(value: Any) -> None:
    assert Fields("x", {"id": value}).ident("id") == "7"


@pytest.mark.parametrize("value", [True, Decimal("7.5"), [], {}])
def test_what_is_no_id_is_refused(value: Any) -> None:
    with pytest.raises(PayloadError, match="an id"):
        Fields("x", {"id": value}).ident("id")


@pytest.mark.parametrize("value", [None, 0, Decimal("0.0")])
def test_no_level_is_written_in_three_ways(value: Any) -> None:
    assert Fields("x", {"stopLoss": value}).level("stopLoss") is None
    assert Fields("x", {}).level("stopLoss") is None


def test_a_time_becomes_utc_and_must_have_a_zone() -> None:
    fields = Fields("x", {"a": "2026-01-14T14:00:00.000+02:00", "b": "2026-01-14T14:00:00", "c": 5})
    assert fields.moment("a") == datetime(2026, 1, 14, 12, tzinfo=UTC)
    for name in ("b", "c"):
        with pytest.raises(PayloadError, match=f"expected '{name}' to be"):
            fields.moment(name)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda f: f.text("v"), 5),
        (lambda f: f.flag("v", False), 1),
        (lambda f: f.integer("v"), Decimal("1.5")),
        (lambda f: f.positive("v"), 0),
        (lambda f: f.texts("v"), ["a", 1]),
        (lambda f: f.texts("v"), "a"),
        (lambda f: f.one_of("v", {"A": 1}), "B"),
    ],
)
def test_a_value_of_another_kind_is_refused(read: Any, value: Any) -> None:
    with pytest.raises(PayloadError, match="x: expected 'v' to be"):
        read(Fields("x", {"v": value}))


@given(JSON)
def test_only_an_object_has_fields_and_only_a_list_items(payload: Any) -> None:
    if not isinstance(payload, dict):
        with pytest.raises(PayloadError, match="expected an object"):
            Fields("x", payload)
    if not isinstance(payload, list):
        with pytest.raises(PayloadError, match="expected a list"):
            items_of("x", payload)
