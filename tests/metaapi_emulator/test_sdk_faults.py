"""What the real SDK sees of the faults of sockets."""

import time

import pytest

from tests.metaapi_emulator.running import EmulatorSite
from tests.metaapi_emulator.sdk import Sdk, wait_for

# The SDK logs with the deprecated `warn` when a connection ends before its last words are answered.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The 'warn' method is deprecated:DeprecationWarning:metaapi_cloud_sdk"
)


def test_a_lost_reply_is_a_time_out_and_yet_a_position(
    site: EmulatorSite, account: str, sdk: Sdk
) -> None:
    from metaapi_cloud_sdk.clients.timeout_exception import TimeoutException

    stream = sdk.stream(account)
    site.faults(script=["LOSE_REPLY"])
    with pytest.raises(TimeoutException):
        sdk.run(stream.create_market_buy_order("EURUSD", 0.1, None, None, {"clientId": "lost"}))
    assert [p["clientId"] for p in stream.terminal_state.positions] == ["lost"]
    assert len(site.executions(account)) == 1
    sdk.run(stream.close())


def test_a_half_open_link_says_nothing(site: EmulatorSite, account: str, sdk: Sdk) -> None:
    stream = sdk.stream(account)
    wait_for(lambda: sdk.seen("status"))
    site.faults(mute=True)
    time.sleep(0.2)  # what was under way may still arrive
    sdk.events.clear()
    site.buy(account)
    with pytest.raises(AssertionError):
        wait_for(lambda: sdk.events, seconds=1.5)
    assert stream.terminal_state.connected and not stream.terminal_state.positions
    site.faults()
    sdk.run(stream.close())


def test_a_lost_packet_never_arrives(site: EmulatorSite, account: str, sdk: Sdk) -> None:
    stream = sdk.stream(account)
    site.faults(lose_packets=1)
    site.buy(account)
    with pytest.raises(AssertionError):
        wait_for(lambda: stream.terminal_state.positions, seconds=0.5)
    sdk.run(stream.close())


def test_packets_may_come_twice_and_out_of_order(
    site: EmulatorSite, account: str, sdk: Sdk
) -> None:
    stream = sdk.stream(account)
    site.faults(duplicate_packets=1)
    site.buy(account, 0.01)
    wait_for(lambda: len(stream.terminal_state.positions) == 1)
    site.faults(swap_packets=1)
    site.buy(account, 0.02)
    assert len(stream.terminal_state.positions) == 1
    site.buy(account, 0.03)
    wait_for(lambda: len(stream.terminal_state.positions) == 3)
    sdk.run(stream.close())


def test_what_lags_is_pushed_when_it_shows(site: EmulatorSite, account: str, sdk: Sdk) -> None:
    stream = sdk.stream(account)
    site.faults(rates={"lag": 1.0, "lag_seconds": 0.5})
    site.buy(account)
    assert stream.terminal_state.positions == []
    wait_for(lambda: stream.terminal_state.positions)
    sdk.run(stream.close())


def test_an_away_terminal_shows_in_the_status(site: EmulatorSite, account: str, sdk: Sdk) -> None:
    stream = sdk.stream(account)
    site.ask("terminal", account=account, away=True)
    wait_for(lambda: not stream.terminal_state.connected_to_broker)
    site.ask("hand/open", account=account, symbol="EURUSD", side=1, lots="0.1")
    site.ask("terminal", account=account, away=False)
    wait_for(lambda: stream.terminal_state.connected_to_broker)
    wait_for(lambda: stream.terminal_state.positions)
    sdk.run(stream.close())


def test_a_stream_survives_dropped_sockets_and_a_storm(
    site: EmulatorSite, account: str, sdk: Sdk
) -> None:
    stream = sdk.stream(account)
    sdk.events.clear()
    site.ask("drop", storm=0.3)
    site.buy(account, clientId="meanwhile")
    wait_for(lambda: sdk.seen("synchronized"), seconds=15)
    assert [p["clientId"] for p in stream.terminal_state.positions] == ["meanwhile"]
    sdk.run(stream.close())


def test_two_instances_ask_twice_and_are_served_once(site: EmulatorSite, sdk: Sdk) -> None:
    account = site.open_account(settings={"reliability": "high"})
    stream = sdk.stream(account)
    wait_for(lambda: len(sdk.seen("connected")) == 2)
    sdk.run(stream.create_market_buy_order("EURUSD", 0.1))
    assert len(site.executions(account)) == 1
    sdk.run(stream.close())


def test_too_many_requests_are_an_exception_of_their_own(
    site: EmulatorSite, account: str, sdk: Sdk
) -> None:
    from metaapi_cloud_sdk.clients.error_handler import TooManyRequestsException

    rpc = sdk.rpc(account)
    site.faults(too_many=1, retry_after=3600, only="trade")
    with pytest.raises(TooManyRequestsException) as caught:
        sdk.run(rpc.create_market_buy_order("EURUSD", 0.1))
    assert caught.value.metadata["recommendedRetryTime"]
    assert sdk.run(rpc.create_market_buy_order("EURUSD", 0.1))["numericCode"] == 10009
    sdk.run(rpc.close())
