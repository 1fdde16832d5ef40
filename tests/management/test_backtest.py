"""The backtest command: a report for people, JSON for machines, errors that say what to do."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.services.test_backtests import history

pytestmark = pytest.mark.django_db
PARAMS = '{"entry": 20, "exit": 10, "hold": 50}'
ARGUMENTS = ("--strategy", "donchian", "--symbol", "EURUSD", "--timeframe", "H1")


def output(*more: str) -> str:
    out = StringIO()
    call_command("backtest", *ARGUMENTS, "--params", PARAMS, *more, stdout=out)
    return out.getvalue()


def test_a_report_is_printed() -> None:
    history("EURUSD")
    text = output("--spread", "8", "--commission", "7", "--slippage", "1")
    assert text.startswith("donchian on EURUSD: 2024-01-")
    assert "spread 8 ticks (mean), commission 7 USD a lot, slippage 1 ticks" in text
    assert "Max drawdown" in text


def test_json_is_one_object_and_the_same_every_time() -> None:
    history("EURUSD")
    first, second = output("--json"), output("--json")
    content = json.loads(first)
    assert first == second
    assert set(content) == {"settings", "metrics", "denials", "warnings"}
    assert content["metrics"]["trades"]["count"] > 20


def test_trades_are_added_when_asked_for() -> None:
    history("EURUSD")
    content = json.loads(output("--json", "--trades"))
    assert len(content["trades"]) == content["metrics"]["trades"]["count"]
    assert len(output("--trades").splitlines()) > len(output().splitlines()) + 20


def test_the_range_and_the_terms_reach_the_backtest() -> None:
    history("EURUSD")
    terms = ("--risk", "1", "--balance", "50000", "--leverage", "100", "--account-currency", "eur")
    settings = json.loads(output("--json", "--from", "2024-02-01", "--to", "2024-03-01", *terms))
    settings = settings["settings"]
    assert settings["from"] == "2024-02-01T00:00:00+00:00"
    assert settings["to"] < "2024-03-01"
    assert settings["sizing"] == {"method": "FRACTIONAL", "value": "1", "base": "LESSER"}
    assert settings["balance"] == "50000"
    assert (settings["leverage"], settings["currency"]) == (100, "EUR")
    assert settings["conversion"] == "1 / price"


def test_any_sizing_rule_may_be_tried() -> None:
    history("EURUSD")
    rule = '{"method": "VOLATILITY", "drawdown_from": 5, "drawdown_to": 15}'
    content = json.loads(output("--json", "--risk", "12", "--sizing", rule))
    assert content["settings"]["sizing"] == {
        "method": "VOLATILITY",
        "value": "12",
        "base": "LESSER",
        "drawdown_from": "5",
        "drawdown_to": "15",
    }
    assert content["metrics"]["trades"]["count"] > 20


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--params", "[1]", "expected a JSON object"),
        ("--params", "{entry: 2}", "expected a JSON object"),
        ("--from", "yesterday", "expected a date as 2015-01-31, was 'yesterday'"),
        ("--commission", "seven", "expected a number, was 'seven'"),
        ("--spread", "1.5", "invalid int value"),
        ("--timeframe", "H7", "invalid choice"),
    ],
)
def test_an_option_that_cannot_be_read_is_refused(option: str, value: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("backtest", *ARGUMENTS, option, value)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--symbol", "XXXYYY", "Expected a known symbol"),
        ("--strategy", "martingale", "Expected a kind of strategy"),
        ("--timeframe", "M5", "Expected bars of history:EURUSD M5, was none; import history with"),
        ("--params", '{"entry": 1}', "entry: expected 2 to 1000, was 1"),
        ("--risk", "much", "value: expected a value of its kind, was 'much'"),
        ("--sizing", '{"method": "DOUBLE"}', "method: expected a value of its kind, was 'DOUBLE'"),
        ("--sizing", '{"method": "KELLY"}', "Expected a start_percent above 0 for KELLY"),
    ],
)
def test_what_is_missing_or_wrong_is_said(option: str, value: str, message: str) -> None:
    history("EURUSD")
    with pytest.raises(CommandError, match=message):
        call_command("backtest", *ARGUMENTS, option, value)
