"""A link when things go wrong, through the real SDK: what it knows, and how soon."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import pytest

from tests.brokers.metaapi.linked import DEGRADED, LIVE, Desk, hub_at
from tests.metaapi_emulator.running import EmulatorSite
from tests.metaapi_emulator.sdk import wait_for
from trading.brokers.base import Unavailable
from trading.brokers.metaapi.stream import Hub, LinkState
from trading.engine.types import Snapshot


def snapshot_of(desk: Desk) -> Snapshot:
    return desk.broker.snapshot(datetime.now(UTC) - timedelta(hours=1))


def readings(desk: Desk) -> list[Callable[[], object]]:
    return [desk.broker.account, lambda: snapshot_of(desk)]


def test_a_half_open_link_is_noticed_within_six_seconds(desk: Desk) -> None:
    desk.site.faults(mute=True)
    began = monotonic()
    desk.wait(DEGRADED, seconds=6)
    assert monotonic() - began < 6
    for ask in readings(desk):
        with pytest.raises(Unavailable):
            ask()
    desk.site.faults()
    desk.wait(LIVE, seconds=5)
    assert snapshot_of(desk).is_complete


def test_a_reading_that_is_not_answered_is_over_in_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.brokers.metaapi.link.READ_SECONDS", 0.5)
    desk.site.faults(mute=True)
    began = monotonic()
    with pytest.raises(Unavailable):
        snapshot_of(desk)
    assert monotonic() - began < 2


def test_a_terminal_without_its_broker_is_not_to_be_trusted(desk: Desk) -> None:
    desk.site.ask("terminal", account=desk.account, away=True)
    desk.wait(DEGRADED, seconds=3)
    for ask in readings(desk):
        with pytest.raises(Unavailable):
            ask()
    opened = desk.hand()
    desk.site.ask("terminal", account=desk.account, away=False)
    desk.wait(LIVE, seconds=3)
    wait_for(lambda: desk.held() == [opened], seconds=5)


def test_a_dropped_socket_is_live_again_within_ten_seconds_with_its_quotes(desk: Desk) -> None:
    desk.fills(0)
    desk.site.ask("drop")
    desk.wait(LinkState.DOWN, seconds=1)
    began = monotonic()
    opened = desk.hand()
    desk.quotes.clear()
    desk.wait(LIVE, seconds=10)
    assert monotonic() - began < 10
    desk.site.pin(1.108)
    wait_for(lambda: [q for q in desk.quotes if q.bid == desk.quotes[-1].bid], seconds=5)
    assert desk.held() == [opened]
    assert [fill.position_id for fill in desk.fills(1)] == [opened]


def test_no_state_is_trusted_between_a_reconnection_and_its_synchronisation(desk: Desk) -> None:
    desk.site.ask("drop")
    desk.wait(LinkState.DOWN, seconds=1)
    desk.hand()
    while (state := desk.link.state) is not LIVE or not desk.held():
        assert state is not LIVE, "LIVE without the position that was opened meanwhile"
        sleep(0.001)


def test_an_incomplete_history_proves_nothing(desk: Desk) -> None:
    desk.site.faults(synchronizing=1)
    assert not snapshot_of(desk).is_complete
    assert snapshot_of(desk).is_complete


def test_packets_may_come_twice_and_out_of_order(desk: Desk) -> None:
    desk.site.faults(duplicate_packets=1)
    first = desk.hand()
    assert [fill.position_id for fill in desk.fills(1)] == [first]
    desk.site.faults(swap_packets=1)
    others = [desk.hand(), desk.hand()]
    assert sorted(fill.position_id for fill in desk.fills(2)) == sorted(others)
    assert sorted(desk.held()) == sorted([first, *others])


def test_a_lost_packet_is_found_by_the_next_snapshot(desk: Desk) -> None:
    desk.site.faults(lose_packets=1)
    opened = desk.hand()
    sleep(0.3)
    snapshot = snapshot_of(desk)
    assert not desk.held() and desk.broker.feed([]) == []
    assert [position.id for position in snapshot.account.positions] == [opened]
    assert snapshot.is_complete and len(snapshot.deals) == 1


def test_a_failing_read_is_unavailable(desk: Desk) -> None:
    desk.site.faults(fail=1, only="positions")
    with pytest.raises(Unavailable):
        snapshot_of(desk)
    assert snapshot_of(desk).is_complete


def test_both_instances_of_a_reliable_account_tell_each_thing_once(
    emulator: EmulatorSite, hub: Hub
) -> None:
    account = emulator.open_account(has_costs=False, settings={"reliability": "high"})
    desk = Desk(emulator, hub, account)
    desk.begin()
    sleep(1)  # until both are there
    opened = desk.hand()
    assert [fill.position_id for fill in desk.fills(1)] == [opened]
    desk.quotes.clear()
    emulator.pin(1.109)
    sleep(0.2)
    assert len(desk.quotes) == len(set(desk.quotes)) > 0
    desk.stream.stop()


def test_an_account_that_is_deployed_later_is_found(emulator: EmulatorSite) -> None:
    account = emulator.open_account(has_costs=False, settings={"state": "UNDEPLOYED"})
    with hub_at(emulator) as hub:
        desk = Desk(emulator, hub, account)
        desk.stream.start(["EURUSD"], desk.quotes.append)
        sleep(0.5)
        assert desk.link.state is LinkState.CONNECTING
        emulator.http.post(f"/users/current/accounts/{account}/deploy").raise_for_status()
        desk.wait(LIVE)


def test_a_subscription_that_the_sdk_has_given_up_is_asked_for_again(
    emulator: EmulatorSite, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.brokers.metaapi.link.NUDGE_SECONDS", 1.0)
    monkeypatch.setattr(hub._client, "ensure_subscribe", lambda *_: None)
    desk = Desk(emulator, hub, emulator.open_account())
    desk.stream.start(["EURUSD"], desk.quotes.append)
    sleep(0.5)
    assert desk.link.state is LinkState.CONNECTING
    monkeypatch.delattr(hub._client, "ensure_subscribe")
    desk.wait(LIVE, seconds=5)
    desk.stream.stop()
