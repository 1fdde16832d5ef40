"""Each code proves what the table says, and everything else proves nothing."""

import pytest

from trading.brokers.metaapi.codes import CODES, Outcome, code_of, outcome_of, port_code

PROVED = {
    Outcome.EXECUTED: {0, 10009, 10010, 10025},
    Outcome.ACCEPTED: {10008},
    Outcome.NOT_SENT: {-10, -9, -8, -6, -5, -4},
    Outcome.REJECTED: {4753, 4754, 10004, 10006, 10007, 10024, 10026, 10027, 10029, 10030}
    | {129, 130, 131, 132, 133, 134, 135, 138, 145, 147, 148, 149, 150}
    | set(range(10013, 10023))
    | set(range(10032, 10037))
    | set(range(10038, 10047)),
}


@pytest.mark.parametrize("number", [*range(-20, 201), *range(4700, 4800), *range(10_000, 10_061)])
def test_a_number_proves_what_the_table_says_and_any_other_nothing(number: int) -> None:
    expected = next((o for o, codes in PROVED.items() if number in codes), Outcome.UNKNOWN)
    assert outcome_of(number, None) is expected


@pytest.mark.parametrize("number", CODES)
def test_a_name_proves_what_its_number_does(number: int) -> None:
    outcome, name = CODES[number]
    assert outcome_of(None, name) is outcome_of(number, name) is outcome
    assert code_of(None, name) == number


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (None, None),
        (None, ""),
        (None, "TRADE_RETCODE_FINE"),
        (None, "done"),
        (10009, "TRADE_RETCODE_REJECT"),
        (10006, "TRADE_RETCODE_DONE"),
        (10009, "TRADE_RETCODE_FINE"),
        (77, "TRADE_RETCODE_DONE"),
    ],
)
def test_what_is_not_listed_or_contradicts_itself_proves_nothing(
    number: int | None, name: str | None
) -> None:
    assert outcome_of(number, name) is Outcome.UNKNOWN


def test_every_code_has_a_name_of_its_own() -> None:
    assert len({name for _, name in CODES.values()}) == len(CODES)


@pytest.mark.parametrize(
    ("number", "name", "expected"),
    [
        (10016, "TRADE_RETCODE_INVALID_STOPS", "INVALID_STOPS"),
        (130, "ERR_INVALID_STOPS", "INVALID_STOPS"),
        (131, "ERR_INVALID_TRADE_VOLUME", "INVALID_VOLUME"),
        (134, None, "NO_MONEY"),
        (4753, "ERR_TRADE_POSITION_NOT_FOUND", "POSITION_NOT_FOUND"),
        (10036, None, "POSITION_NOT_FOUND"),
        (4242, None, "4242"),
        (None, None, ""),
        (None, "ODD", "ODD"),
    ],
)
def test_codes_are_called_as_other_brokers_call_them(
    number: int | None, name: str | None, expected: str
) -> None:
    assert port_code(number, name) == expected
