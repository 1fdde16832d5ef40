"""The emulator as a process, and the guards of the redirection."""

from urllib.parse import urlsplit

import pytest

from tests.metaapi_emulator.faults import Chance, Fate, Faults
from tests.metaapi_emulator.running import emulator_process
from trading.brokers.metaapi.redirect import NotTheEmulator, check_loopback, check_token


def test_it_runs_as_a_process_until_it_is_told_to_stop() -> None:
    options = ("--speed", "60", "--seed", "3", "--account", "a=mt4", "--account", "b=mt5-netting")
    with emulator_process(*options) as site:
        assert site.read("a", "account-information")["platform"] == "mt4"
        assert site.buy("b")["numericCode"] == 10009
        assert len(site.executions("b")) == 1


def test_a_seed_always_makes_the_same_choices() -> None:
    faults = Faults(rates={"lose_reply": 0.3, "reject": 0.3})
    first, second = ([Chance(5).fate(faults, "submit", str(n)) for n in range(50)] for _ in "ab")
    assert first == second and {Fate.LOSE_REPLY, Fate.REJECT} <= {drawn.fate for drawn in first}


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:1", "http://mt-client-api-v1.new-york.agiliumtrade.ai", "http://8.8.8.8"],
)
def test_nothing_but_loopback_is_the_emulator(url: str) -> None:
    with pytest.raises(NotTheEmulator):
        check_loopback(urlsplit(url))


def test_a_real_token_never_gets_there() -> None:
    check_token("emulated.api.token")
    with pytest.raises(NotTheEmulator) as caught:
        check_token("eyJhbGciOiJSUzUxMiJ9.e30.signature")
    assert "eyJ" not in str(caught.value)
