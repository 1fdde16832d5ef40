"""The real SDK, unmodified, against the emulator."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.metaapi_emulator.running import EmulatorSite
from tests.metaapi_emulator.sdk import Sdk, wait_for

# The SDK logs with the deprecated `warn` when a connection ends before its last words are answered.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The 'warn' method is deprecated:DeprecationWarning:metaapi_cloud_sdk"
)
MARKS = {"clientId": "S1_EURUSD_1", "comment": "bot", "magic": 77}


def order_of(sdk: Sdk, connection: Any, method: str, *arguments: Any) -> Any:
    return sdk.run(getattr(connection, method)(*arguments))


def test_a_stream_synchronises_and_sees_ticks(site: EmulatorSite, account: str, sdk: Sdk) -> None:
    site.buy(account, clientId="before")
    stream = sdk.stream(account)
    state = stream.terminal_state
    assert state.connected and state.connected_to_broker and len(state.specifications) == 4
    assert [p["clientId"] for p in state.positions] == ["before"]
    assert len(stream.history_storage.deals) == 2
    sdk.run(stream.subscribe_to_market_data("EURUSD"))
    site.pin(1.105)
    wait_for(lambda: state.price("EURUSD")["bid"] == 1.105)
    wait_for(lambda: state.account_information["equity"] == 10_049.4)
    sdk.run(stream.close())


def test_a_position_lives_through_its_whole_life(
    site: EmulatorSite, account: str, sdk: Sdk
) -> None:
    stream = sdk.stream(account)
    state = stream.terminal_state
    order_of(sdk, stream, "create_market_buy_order", "EURUSD", 0.1, 1.09, 1.12, MARKS)
    (position,) = wait_for(lambda: state.positions)
    assert (position["stopLoss"], position["takeProfit"]) == (1.09, 1.12)
    assert MARKS.items() <= position.items()
    order_of(sdk, stream, "modify_position", position["id"], 1.095, 1.13)
    wait_for(lambda: state.positions[0]["stopLoss"] == 1.095)
    order_of(sdk, stream, "close_position_partially", position["id"], 0.04)
    wait_for(lambda: state.positions[0]["volume"] == 0.06)
    order_of(sdk, stream, "close_position", position["id"], {})
    wait_for(lambda: not state.positions)
    wait_for(lambda: len(sdk.seen("deal")) == 4)
    assert [deal["entryType"][11:] for deal in sdk.seen("deal")] == ["IN", "IN", "OUT", "OUT"]
    sdk.run(stream.close())


def test_a_resting_order_fills_and_is_stopped(site: EmulatorSite, account: str, sdk: Sdk) -> None:
    stream = sdk.stream(account)
    state = stream.terminal_state
    order_of(sdk, stream, "create_limit_buy_order", "EURUSD", 0.1, 1.09, 1.08, 1.12)
    (order,) = wait_for(lambda: state.orders)
    assert order["state"] == "ORDER_STATE_PLACED"
    site.pin(1.0899)
    wait_for(lambda: state.positions and not state.orders)
    site.pin(1.0799)
    wait_for(lambda: not state.positions)
    wait_for(lambda: sdk.seen("deal")[-1].get("reason") == "DEAL_REASON_SL")
    sdk.run(stream.close())


def test_rpc_reads_everything(site: EmulatorSite, account: str, sdk: Sdk) -> None:
    rpc = sdk.rpc(account)
    traded = order_of(sdk, rpc, "create_market_sell_order", "EURUSD", 0.1, None, None, MARKS)
    (position,) = sdk.run(rpc.get_positions())
    assert position["id"] == traded["positionId"]
    assert sdk.run(rpc.get_account_information())["margin"] == 110.0
    assert sdk.run(rpc.get_position(position["id"]))["clientId"] == MARKS["clientId"]
    assert sdk.run(rpc.get_orders()) == []
    assert sdk.run(rpc.get_symbol_price("EURUSD"))["bid"] == 1.1
    assert sdk.run(rpc.get_server_time())["brokerTime"]
    now, hour = datetime.now(UTC), timedelta(hours=1)
    orders = sdk.run(rpc.get_history_orders_by_time_range(now - hour, now + hour))
    assert [order["id"] for order in orders["historyOrders"]] == [traded["orderId"]]
    assert orders["synchronizing"] is False
    site.faults(synchronizing=1)
    flags = [sdk.run(rpc.get_deals_by_position(position["id"]))["synchronizing"] for _ in range(2)]
    assert flags == [True, False]
    sdk.run(rpc.close())


def test_mt4_continues_under_a_new_ticket(site: EmulatorSite, sdk: Sdk) -> None:
    stream = sdk.stream(site.open_account("mt4"))
    state = stream.terminal_state
    order_of(sdk, stream, "create_market_buy_order", "EURUSD", 0.1, None, None, MARKS)
    (old,) = wait_for(lambda: state.positions)
    order_of(sdk, stream, "close_position_partially", old["id"], 0.04)
    (rest,) = wait_for(lambda: [p for p in state.positions if p["id"] != old["id"]])
    assert (rest["volume"], rest["brokerComment"]) == (0.06, f"from #{old['id']}")
    assert len(state.positions) == 1 and "clientId" not in rest
    sdk.run(stream.close())


def test_a_netted_position_turns_around(site: EmulatorSite, sdk: Sdk) -> None:
    stream = sdk.stream(site.open_account("mt5-netting"))
    state = stream.terminal_state
    order_of(sdk, stream, "create_market_buy_order", "EURUSD", 0.1)
    (held,) = wait_for(lambda: state.positions)
    order_of(sdk, stream, "create_market_sell_order", "EURUSD", 0.3)
    wait_for(lambda: state.positions[0]["type"] == "POSITION_TYPE_SELL")
    assert (state.positions[0]["id"], state.positions[0]["volume"]) == (held["id"], 0.2)
    wait_for(lambda: sdk.seen("deal")[-1]["entryType"] == "DEAL_ENTRY_INOUT")
    sdk.run(stream.close())


def test_a_refusal_is_a_trade_exception(site: EmulatorSite, account: str, sdk: Sdk) -> None:
    from metaapi_cloud_sdk.clients.metaapi.trade_exception import TradeException

    rpc = sdk.rpc(account)
    with pytest.raises(TradeException) as caught:
        order_of(sdk, rpc, "create_market_buy_order", "EURUSD", 0.1, 1.2)
    assert (caught.value.numericCode, caught.value.stringCode[-13:]) == (10016, "INVALID_STOPS")
    sdk.run(rpc.close())


def test_the_rest_of_the_sdk_is_served(site: EmulatorSite, account: str, sdk: Sdk) -> None:
    found = sdk.account(account)
    sdk.run(found.deploy())
    sdk.run(found.wait_connected(5))
    assert len(sdk.run(found.get_historical_candles("EURUSD", "1h", None, 3))) == 3
    api = sdk.api.metatrader_account_api
    listed = sdk.run(api.get_accounts_with_infinite_scroll_pagination({"query": account}))
    assert [one.id for one in listed] == [account]
    new = {"name": "n", "login": "1", "password": "p", "server": "X", "magic": 0, "platform": "mt4"}
    assert sdk.run(api.create_account(new)).version == 4
