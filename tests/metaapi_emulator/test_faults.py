"""Each fault is there for a client of the REST API, and the ledger tells the truth."""

import time
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.metaapi_emulator.faults import Chance, Fate, Faults, Pushes
from tests.metaapi_emulator.formats import parsed_time
from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from tests.metaapi_emulator.sdk import wait_for
from trading.engine.types import Fill


def outcomes(site: EmulatorSite, account: str) -> list[tuple[str, bool]]:
    requests = site.ledger()["requests"]
    return [(r["outcome"], r["answered"]) for r in requests if r["account"] == account]


def test_a_lost_reply_is_executed_all_the_same(site: EmulatorSite, account: str) -> None:
    site.faults(script=["LOSE_REPLY"])
    with pytest.raises(httpx.TransportError):
        site.buy(account, clientId="c1")
    (deal,) = site.executions(account)
    assert (deal["client_id"], deal["opens"], deal["answered"]) == ("c1", True, False)
    assert outcomes(site, account) == [("EXECUTED", False)]


def test_a_lost_request_is_never_executed(site: EmulatorSite, account: str) -> None:
    site.faults(script=["LOSE_REQUEST"])
    url, body = f"{site.url}/users/current/accounts/{account}/trade", {"actionType": "X"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=body, headers=site.http.headers, timeout=0.3, trust_env=False)
    assert not site.executions(account)


@pytest.mark.parametrize("code", ["DELIVERED", "TIMED_OUT", "UNKNOWN", "TIMEOUT"])
def test_an_error_after_the_execution_proves_nothing(
    site: EmulatorSite, account: str, code: str
) -> None:
    site.faults(script=["ERROR_AFTER", "ERROR_BEFORE"], error_code=code)
    first, second = site.buy(account), site.buy(account)
    assert first["numericCode"] == second["numericCode"] != 10009
    assert len(site.executions(account)) == 1


def test_a_rejection_may_be_a_lie(site: EmulatorSite, account: str) -> None:
    site.faults(script=["REJECT", "REJECT_EXECUTED"])
    assert [site.buy(account)["numericCode"] for _ in range(2)] == [10006, 10006]
    assert len(site.executions(account)) == 1
    assert outcomes(site, account) == [("REJECT", True), ("EXECUTED", True)]


def test_a_late_execution_comes_after_the_client_has_gone(site: EmulatorSite, account: str) -> None:
    site.faults(script=["LATE"], late_after=1.0)
    url = f"{site.url}/users/current/accounts/{account}/trade"
    body = {"actionType": "ORDER_TYPE_BUY", "symbol": "EURUSD", "volume": 0.1}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=body, headers=site.http.headers, timeout=0.2, trust_env=False)
    assert not site.executions(account)
    wait_for(lambda: site.executions(account))


def test_requotes_come_as_often_as_scripted(site: EmulatorSite, account: str) -> None:
    site.faults(script=["REQUOTE", "REQUOTE"])
    codes = [site.buy(account)["numericCode"] for _ in range(3)]
    assert codes == [10004, 10004, 10009]


def test_a_part_is_filled_and_said_so(site: EmulatorSite, account: str) -> None:
    site.faults(script=["PARTIAL"])
    assert site.buy(account)["stringCode"] == "TRADE_RETCODE_DONE_PARTIAL"
    assert site.read(account, "positions")[0]["volume"] == 0.05


def test_a_stop_is_dropped_and_not_said_so(site: EmulatorSite, account: str) -> None:
    site.faults(script=["DROP_STOP"])
    assert site.buy(account, stopLoss=1.09, takeProfit=1.12)["numericCode"] == 10009
    (position,) = site.read(account, "positions")
    assert "stopLoss" not in position and position["takeProfit"] == 1.12


def test_too_many_requests_say_when_to_come_again(site: EmulatorSite, account: str) -> None:
    site.faults(too_many=1, retry_after=30, only="positions")
    assert site.read(account, "account-information")
    answer = site.http.get(f"/users/current/accounts/{account}/positions")
    assert answer.status_code == 429
    again = parsed_time(answer.json()["metadata"]["recommendedRetryTime"])
    assert 20 < (again - datetime.now(UTC)).total_seconds() < 31
    assert site.read(account, "positions") == []


def test_requests_may_fail_and_be_slow(site: EmulatorSite, account: str) -> None:
    site.faults(fail=1, slow=0.2)
    assert site.http.get(f"/users/current/accounts/{account}/positions").status_code == 500
    began = time.monotonic()
    site.read(account, "positions")
    assert time.monotonic() - began >= 0.2


def test_a_terminal_that_is_away_takes_nothing(site: EmulatorSite, account: str) -> None:
    site.ask("terminal", account=account, away=True)
    url = f"/users/current/accounts/{account}"
    assert site.http.get(url).json()["connectionStatus"] == "DISCONNECTED_FROM_BROKER"
    assert site.http.get(f"{url}/positions").status_code == 504
    site.ask("terminal", account=account, away=False)
    assert site.read(account, "positions") == []


def test_a_closed_market_and_a_disabled_account_refuse(site: EmulatorSite, account: str) -> None:
    site.ask("trading", account=account, allowed=False)
    assert site.buy(account)["numericCode"] == 10017
    site.ask("trading", account=account, allowed=True)
    site.ask("market", closed=True)
    assert site.buy(account)["numericCode"] == 10018
    site.ask("market", closed=False)


def test_a_person_opens_changes_and_closes(site: EmulatorSite, account: str) -> None:
    mine = {"account": account}
    position = site.ask("hand/open", **mine, symbol="EURUSD", side=-1, lots="0.2")["position"]
    site.ask("hand/modify", **mine, position=position, stop="1.2", take=None)
    assert site.read(account, "positions")[0]["reason"] == "POSITION_REASON_CLIENT"
    assert site.read(account, "positions")[0]["stopLoss"] == 1.2
    site.ask("hand/close", **mine, position=position, lots="0.1")
    site.ask("hand/close", **mine, position=position)
    actions = [hand["action"] for hand in site.ledger()["by_hand"] if hand["account"] == account]
    assert actions == ["open", "modify", "close", "close"]
    assert [(e["by_hand"], e["request"]) for e in site.executions(account)] == [(True, None)] * 3


def test_a_person_may_act_now_and_then(site: EmulatorSite, account: str) -> None:
    before = len(site.ledger()["by_hand"])
    site.faults(rates={"by_hand": 1.0})
    assert wait_for(lambda: len(site.ledger()["by_hand"]) > before)


def test_money_that_is_gone_stops_out(site: EmulatorSite, account: str) -> None:
    site.buy(account)
    site.ask("equity", account=account, equity=40)
    assert site.executions(account)[-1]["reason"] == "STOP_OUT"
    assert site.read(account, "positions") == []


def test_what_lags_shows_everywhere_a_moment_later(site: EmulatorSite, account: str) -> None:
    site.faults(rates={"lag": 1.0, "lag_seconds": 0.6})
    position = site.buy(account)["positionId"]
    before = site.read(account, "account-information")["margin"]
    reads = ("positions", f"history-deals/position/{position}")
    assert (before, [site.read(account, path) for path in reads]) == (0, [[], []])
    assert len(site.executions(account)) == 1
    wait_for(lambda: all(site.read(account, path) for path in reads))
    assert site.read(account, "account-information")["margin"] > 0


@pytest.mark.parametrize("fate", [Fate.REQUOTE, Fate.ERROR_BEFORE, Fate.LOSE_REQUEST])
def test_what_only_the_emulator_can_do_may_be_drawn(fate: Fate) -> None:
    chance = Chance(1)
    assert chance.fate(Faults(rates={fate.lower(): 1.0}), "submit").fate is fate
    assert chance.drawn[fate.lower()] == 1


def test_a_packet_may_be_drawn_to_come_late() -> None:
    assert Chance(1).push(Faults(rates={"swap_event": 1.0}), "a") == Pushes(is_held=True)


@pytest.mark.parametrize(("name", "status"), [("too_many", 429), ("fail", 500)])
def test_any_request_may_be_drawn_to_fail(site: EmulatorSite, name: str, status: int) -> None:
    account = site.open_account()
    site.faults(rates={name: 1.0})
    answer = site.http.get(f"/users/current/accounts/{account}/positions")
    assert answer.status_code == status
    assert site.drawn()[name] >= 1


def test_any_answer_may_be_drawn_to_take_its_time(site: EmulatorSite, account: str) -> None:
    site.faults(rates={"slow": 1.0, "delay_least": 0.2, "delay_most": 0.3})
    began = time.monotonic()
    site.read(account, "positions")
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    ("spell", "code"), [("forbidden", "TRADE_DISABLED"), ("closed", "MARKET_CLOSED")]
)
def test_a_spell_refuses_and_passes(spell: str, code: str) -> None:
    with emulator_thread() as site:
        account = site.open_account(has_costs=False)
        site.faults(rates={spell: 1.0})
        wait_for(lambda: site.buy(account)["stringCode"].endswith(code))
        site.faults()
        wait_for(lambda: site.buy(account)["numericCode"] == 10009)


def test_a_terminal_may_be_drawn_to_go_away_and_come_back() -> None:
    with emulator_thread() as site:
        path = f"/users/current/accounts/{site.open_account()}/positions"
        site.faults(rates={"away": 1.0})
        wait_for(lambda: site.http.get(path).status_code == 504)
        site.faults()
        wait_for(lambda: site.http.get(path).status_code == 200)


def test_the_ledger_has_the_shape_of_the_venues(site: EmulatorSite, account: str) -> None:
    position = site.buy(account, clientId="c9", magic=4)["positionId"]
    site.trade(account, "POSITION_CLOSE_ID", positionId=position)
    opened, closed = site.executions(account)
    names = {f.name for f in fields(Fill)}
    assert names | {"account", "wall", "request", "answered"} == set(opened)
    assert (opened["client_id"], opened["side"], opened["lots"]) == ("c9", 1, "0.1")
    assert closed["client_id"] == "c9" and closed["reason"] == "SIGNAL"
    ops = [r["op"] for r in site.ledger()["requests"] if r["account"] == account]
    assert ops == ["submit", "close"]


def test_an_order_that_fills_later_belongs_to_its_request(site: EmulatorSite, account: str) -> None:
    body: dict[str, Any] = {"symbol": "EURUSD", "volume": 0.1, "openPrice": 1.09, "clientId": "l1"}
    site.trade(account, "ORDER_TYPE_BUY_LIMIT", **body)
    site.pin(1.08)
    (deal,) = site.executions(account)
    assert site.ledger()["requests"][deal["request"]]["client_id"] == "l1"


@pytest.mark.parametrize(
    "values",
    [
        {"nonsense": 1},
        {"script": ["NONSENSE"]},
        {"too_many": -1},
        {"mute": 1},
        {"error_code": "NONSENSE"},
        {"rates": {"lose_reply": 2}},
        {"rates": {"nonsense": 0.1}},
    ],
)
def test_what_is_no_fault_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Faults().changed(values)


def test_what_the_admin_does_not_know_is_an_error(site: EmulatorSite) -> None:
    for path, body in (("pin", {"symbol": "NO", "bid": 1}), ("drop", {"storm": "x"})):
        assert site.http.post(f"/emulator/{path}", json=body).status_code == 400
