"""The REST side: the documented shapes, pages and errors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.metaapi_emulator.running import EmulatorSite

FROM, TO = "2000-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z"
NEW = {"name": "n", "login": "1", "password": "p", "server": "Any-Demo", "magic": 0}


def create(site: EmulatorSite, transaction: str = "t" * 32, **changes: Any) -> httpx.Response:
    headers = {"transaction-id": transaction}
    return site.http.post("/users/current/accounts", json={**NEW, **changes}, headers=headers)


def test_nothing_is_told_without_the_token(site: EmulatorSite, account: str) -> None:
    url = f"{site.url}/users/current/accounts/{account}/positions"
    for headers in ({}, {"auth-token": "wrong"}):
        answer = httpx.get(url, headers=headers, trust_env=False)
        assert answer.status_code == 401 and answer.json()["error"] == "UnauthorizedError"


def test_account_information_has_the_documented_fields(site: EmulatorSite, account: str) -> None:
    information = site.read(account, "account-information")
    assert information["equity"] == information["balance"] == 10_000
    assert information["marginMode"] == "ACCOUNT_MARGIN_MODE_RETAIL_HEDGING"
    assert "marginLevel" not in information


def test_an_entry_shows_as_position_order_and_deal(site: EmulatorSite, account: str) -> None:
    marks: dict[str, Any] = {"clientId": "S1_EURUSD_1", "comment": "c", "magic": 7}
    answer = site.buy(account, stopLoss=1.09, takeProfit=1.12, **marks)
    assert (answer["numericCode"], answer["stringCode"]) == (10009, "TRADE_RETCODE_DONE")
    position = site.read(account, f"positions/{answer['positionId']}")
    assert position == site.read(account, "positions")[0]
    assert (position["openPrice"], position["stopLoss"]) == (1.10006, 1.09)
    assert position["profit"] == position["unrealizedProfit"] == -0.6
    order = site.read(account, f"history-orders/ticket/{answer['orderId']}")[0]
    deal = site.read(account, f"history-deals/position/{answer['positionId']}")[0]
    assert order["state"] == "ORDER_STATE_FILLED" and deal["entryType"] == "DEAL_ENTRY_IN"
    for shape in (position, order, deal):
        assert marks.items() <= shape.items()


def test_a_resting_order_shows_until_it_is_cancelled(site: EmulatorSite, account: str) -> None:
    body = {"symbol": "EURUSD", "volume": 0.1, "openPrice": 1.2}
    order = site.trade(account, "ORDER_TYPE_SELL_LIMIT", **body)["orderId"]
    assert site.read(account, f"orders/{order}")["type"] == "ORDER_TYPE_SELL_LIMIT"
    site.trade(account, "ORDER_CANCEL", orderId=order)
    assert site.read(account, "orders") == []


def test_a_history_is_read_in_pages(site: EmulatorSite, account: str) -> None:
    for _ in range(3):
        site.buy(account, 0.01)
    deals = site.read(account, f"history-deals/time/{FROM}/{TO}")
    assert [deal["type"] for deal in deals] == ["DEAL_TYPE_BALANCE"] + ["DEAL_TYPE_BUY"] * 3
    assert site.read(account, f"history-deals/time/{FROM}/{TO}", offset=1, limit=2) == deals[1:3]
    assert len(site.read(account, f"history-orders/time/{FROM}/{TO}")) == 3


def test_the_end_of_a_history_is_not_in_it(site: EmulatorSite, account: str) -> None:
    deal = site.read(account, f"history-deals/time/{FROM}/{TO}")[0]
    assert site.read(account, f"history-deals/time/{FROM}/{deal['time']}") == []
    assert site.read(account, f"history-deals/time/{deal['time']}/{TO}") == [deal]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("positions/1", 404),
        ("symbols/NOTHING/specification", 404),
        ("history-deals/time/yesterday/today", 400),
        (f"history-deals/time/{FROM}/{TO}?limit=1001", 400),
        ("symbols/EURUSD/current-candles/7m", 400),
    ],
)
def test_what_is_not_there_is_an_error(
    site: EmulatorSite, account: str, path: str, status: int
) -> None:
    answer = site.http.get(f"/users/current/accounts/{account}/{path}")
    assert answer.status_code == status
    assert {"id", "error", "message"} <= answer.json().keys()


def test_a_malformed_trade_is_a_validation_error(site: EmulatorSite, account: str) -> None:
    body = {"actionType": "ORDER_TYPE_BUY", "symbol": "EURUSD", "volume": "much"}
    answer = site.http.post(f"/users/current/accounts/{account}/trade", json=body)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["parameter"] == "volume"


def test_symbols_prices_and_times_are_told(site: EmulatorSite, account: str) -> None:
    assert "EURUSD" in site.read(account, "symbols")
    specification = site.read(account, "symbols/EURUSD/specification")
    assert specification["tradeSessions"]["MONDAY"][0]["from"] == "00:00:00.000"
    price = site.read(account, "symbols/EURUSD/current-price", keepSubscription=True)
    assert (price["bid"], price["ask"]) == (1.1, 1.10006)
    assert {"time", "brokerTime", "lastQuoteTime"} <= site.read(account, "server-time").keys()
    assert site.read(account, "symbols/EURUSD/current-tick")["bid"] == 1.1
    assert len(site.read(account, "symbols/EURUSD/current-book")["book"]) == 2
    assert site.read(account, "symbols/EURUSD/current-candles/1h")["timeframe"] == "1h"
    assert site.read(account, "credits")["perAccount"][0]["available"] == 2000


def test_margin_is_calculated(site: EmulatorSite, account: str) -> None:
    order = {"symbol": "EURUSD", "type": "ORDER_TYPE_BUY", "volume": 0.1, "openPrice": 1.1}
    url = f"/users/current/accounts/{account}/calculate-margin"
    assert site.http.post(url, json=order).json() == {"margin": 110.0}


def test_candles_go_backwards_from_a_start(site: EmulatorSite, account: str) -> None:
    path = "historical-market-data/symbols/EURUSD/timeframes/1m/candles"
    start = (datetime.now(UTC) - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    candles = site.read(account, path, startTime=start, limit=5)
    assert len(candles) == 5 and candles[-1]["time"] <= start
    assert len(site.read(account, path)) == 1000


def test_mt4_knows_fewer_timeframes_and_its_own_codes(site: EmulatorSite) -> None:
    account = site.open_account("mt4")
    path = "historical-market-data/symbols/EURUSD/timeframes/2m/candles"
    assert site.http.get(f"/users/current/accounts/{account}/{path}").status_code == 400
    assert site.buy(account)["stringCode"] == "ERR_NO_ERROR"
    assert site.buy(account, 0.001)["stringCode"] == "ERR_INVALID_TRADE_VOLUME"
    assert site.read(account, "account-information")["platform"] == "mt4"


def test_an_account_is_created_deployed_changed_and_removed(site: EmulatorSite) -> None:
    name = create(site, region="london", quoteStreamingIntervalInSeconds=0).json()["id"]
    url = f"/users/current/accounts/{name}"
    dto = site.http.get(url).json()
    assert (dto["state"], dto["connectionStatus"]) == ("DEPLOYED", "CONNECTED")
    assert (dto["region"], dto["type"]) == ("london", "cloud-g2")
    assert site.http.post(f"{url}/undeploy").status_code == 204
    assert site.http.get(f"{url}/positions").status_code == 404
    assert site.http.get(url).json()["connectionStatus"] == "DISCONNECTED"
    site.http.post(f"{url}/deploy")
    site.http.put(url, json={"name": "other"})
    assert site.http.get(url).json()["name"] == "other"
    assert site.http.delete(url).status_code == 204
    assert site.http.get(url).status_code == 404


def test_a_change_of_state_may_take_its_time(site: EmulatorSite) -> None:
    name = site.open_account(settings={"state": "CREATED", "lag": 60})
    url = f"/users/current/accounts/{name}"
    assert site.http.get(url).json()["state"] == "CREATED"
    site.http.post(f"{url}/deploy")
    assert site.http.get(url).json()["state"] == "DEPLOYING"


@pytest.mark.parametrize(
    ("server", "code"),
    [
        ("No-Such-Server", "E_SRV_NOT_FOUND"),
        ("Wrong-Password", "E_AUTH"),
        ("Odd-Timezone", "E_SERVER_TIMEZONE"),
    ],
)
def test_a_server_may_refuse_the_account(site: EmulatorSite, server: str, code: str) -> None:
    answer = create(site, server=server)
    assert (answer.status_code, answer.json()["details"]) == (400, code)


def test_a_slow_server_wants_to_be_asked_again(site: EmulatorSite) -> None:
    first = create(site, "slow", server="Slow-Server")
    assert (first.status_code, first.headers["Retry-After"]) == (202, "1")
    assert create(site, "slow", server="Slow-Server").status_code == 201


def test_accounts_are_listed_in_both_versions(site: EmulatorSite, account: str) -> None:
    url, asked = "/users/current/accounts", {"query": account, "limit": "1"}
    (dto,) = site.http.get(url, params=asked).json()
    assert dto["_id"] == account
    counted = site.http.get(url, params=asked, headers={"api-version": "2"}).json()
    assert counted["items"] == [dto] and counted["count"] >= 1
    assert site.http.get(url, params={"offset": "9999"}).json() == []


def test_regions_servers_and_hashing_lists_are_told(site: EmulatorSite) -> None:
    assert "new-york" in site.http.get("/users/current/regions").json()
    settings = site.http.get("/users/current/servers/mt-client-api").json()
    assert settings["hostname"] == "mt-client-api-v1"
    assert {"g1", "g2"} == site.http.get("/hashing-ignored-field-lists").json().keys()
    assert site.http.get("/known-mt-servers/5/search", params={"query": "emu"}).json()
