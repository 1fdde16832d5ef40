"""Each guard, and what the SDK does without it: if that stops failing, the guard can go."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]

from tests.brokers.metaapi.linked import LIVE, Desk, hub_at
from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from tests.metaapi_emulator.sdk import wait_for
from trading.brokers.metaapi import guards
from trading.brokers.metaapi.stream import LinkState

GUARDED = pytest.mark.parametrize("is_guarded", [True, False], ids=["guarded", "bare"])


@contextmanager
def fresh_desk(site: EmulatorSite, **settings: Any) -> Iterator[Desk]:
    """A desk with a hub of its own, not started."""
    with hub_at(site) as hub:
        yield Desk(site, hub, site.open_account(has_costs=False, settings=settings))


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bool], None]:
    """Takes a guard away unless it is to stay."""

    def take(guard: str, is_guarded: bool) -> None:
        if not is_guarded:
            monkeypatch.setattr(guards, guard, lambda _: None)

    return take


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The attempts to open a socket from now on."""
    seen: list[str] = []
    connect = socketio.AsyncClient.connect

    async def counted(client: Any, url: str, *arguments: Any, **options: Any) -> None:
        seen.append(url)
        await connect(client, url, *arguments, **options)

    monkeypatch.setattr(socketio.AsyncClient, "connect", counted)
    return seen


@GUARDED
def test_nothing_that_arrives_while_a_queue_is_worked_off_is_lost(
    emulator: EmulatorSite, without: Callable[[str, bool], None], is_guarded: bool
) -> None:
    without("drain_whole_queues", is_guarded)
    entered, go_on = threading.Event(), threading.Event()
    with fresh_desk(emulator, reliability="high") as desk:
        client = desk.hub._client
        refresh = client.refresh_market_data_subscriptions

        async def slow(account: str, number: int, subscriptions: Any) -> Any:
            """The first answer comes when both instances have told everything, the second when
            the test says so."""
            await asyncio.sleep(0.5)
            entered.set() if number else None
            while number and not go_on.is_set():
                await asyncio.sleep(0.01)
            return await refresh(account, number, subscriptions)

        client.refresh_market_data_subscriptions = slow
        desk.link.start()
        assert entered.wait(10)
        sleep(0.1)
        opened = desk.hand()
        sleep(0.1)
        go_on.set()
        state = desk.link._stream.terminal_state
        wait_for(lambda: state.positions) if is_guarded else sleep(0.5)
        assert [p["id"] for p in state.positions] == ([opened] if is_guarded else [])


@GUARDED
def test_a_server_that_lets_nobody_in_is_not_stormed(
    without: Callable[[str, bool], None],
    attempts: list[str],
    is_guarded: bool,
) -> None:
    without("pause_between_attempts", is_guarded)
    with emulator_thread() as site, fresh_desk(site) as desk:
        site.ask("drop", storm=2)
        desk.link.start()
        sleep(1.5)
        assert len(attempts) <= 8 if is_guarded else len(attempts) > 30
        desk.wait(LIVE)


@GUARDED
def test_no_socket_is_opened_just_to_measure_it(
    emulator: EmulatorSite,
    without: Callable[[str, bool], None],
    attempts: list[str],
    is_guarded: bool,
) -> None:
    without("probe_no_latency", is_guarded)
    with fresh_desk(emulator) as desk:
        desk.begin()
        wait_for(lambda: len(attempts) >= 2)
        sleep(0.2)
        assert len(attempts) == (2 if is_guarded else 3)


@GUARDED
def test_the_numbers_of_a_specification_are_no_errors(
    emulator: EmulatorSite,
    without: Callable[[str, bool], None],
    caplog: pytest.LogCaptureFixture,
    is_guarded: bool,
) -> None:
    without("convert_only_objects", is_guarded)
    with fresh_desk(emulator) as desk:
        desk.begin()
    errors = [line for line in caplog.messages if "Failed to convert" in line]
    assert bool(errors) is not is_guarded


@GUARDED
def test_a_lost_socket_is_tried_again_steadily(
    without: Callable[[str, bool], None],
    attempts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    is_guarded: bool,
) -> None:
    without("reconnect_soon", is_guarded)
    monkeypatch.setattr(guards, "LONGEST_RECONNECT", 0.1)
    with emulator_thread() as site, fresh_desk(site) as desk:
        desk.begin()
        attempts.clear()
        site.ask("drop", storm=60)
        sleep(2)  # the first attempt is after one second, the second would be two later
        assert len(attempts) > 8 if is_guarded else len(attempts) <= 2


def reports(desk: Desk) -> Counter[str]:
    """How many reports of the loss of a socket have begun and ended from now on."""
    heard: Counter[str] = Counter()

    def counted(report: Callable[[], Coroutine[Any, Any, None]]) -> Callable[..., Any]:
        async def told() -> None:
            heard["begun"] += 1
            await report()
            heard["ended"] += 1

        return told

    for region in desk.hub._client._socket_instances.values():
        for (instance,) in region.values():
            handlers = instance["socket"].handlers["/"]
            handlers["disconnect"] = counted(handlers["disconnect"])
    return heard


@GUARDED
def test_the_report_of_a_loss_has_ended_when_the_socket_is_back(
    without: Callable[[str, bool], None], is_guarded: bool
) -> None:
    without("reconnect_aside", is_guarded)
    with emulator_thread() as site, fresh_desk(site) as desk:
        desk.begin()
        heard = reports(desk)
        desk.drop()
        assert (heard["ended"] == heard["begun"] > 0) is is_guarded


@GUARDED
def test_nobody_waits_for_his_terminal_by_chance(
    without: Callable[[str, bool], None], monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    without("resubscribe_at_once", is_guarded)
    manager = "metaapi_cloud_sdk.clients.metaapi.subscription_manager"
    monkeypatch.setattr(f"{manager}.uniform", lambda *_: 60.0)
    with emulator_thread() as site, fresh_desk(site) as desk:
        desk.begin()
        site.ask("drop")
        desk.wait(LinkState.DOWN)
        desk.wait(LIVE) if is_guarded else sleep(2)
        assert (desk.link.state is LIVE) is is_guarded


@GUARDED
def test_what_is_asked_on_the_other_socket_is_not_called_off(
    emulator: EmulatorSite, without: Callable[[str, bool], None], is_guarded: bool
) -> None:
    without("resubscribe_at_once", is_guarded)
    with fresh_desk(emulator) as desk:
        desk.begin()
        client, asked = desk.hub._client, {"shouldRetry": True, "future": None, "task": None}

        async def reconnected() -> None:
            """The second socket is back while the terminal is being asked for on the first."""
            client._subscription_manager._subscriptions[f"{desk.account}:0"] = asked
            client.socket_instances_by_accounts[1][desk.account] = 0
            client._subscription_manager.on_reconnected(1, 0, [])

        desk.hub.ask(reconnected, 5)
        assert asked["shouldRetry"] is is_guarded


@GUARDED
def test_no_timer_is_started_for_each_call_of_a_listener(
    emulator: EmulatorSite, without: Callable[[str, bool], None], is_guarded: bool
) -> None:
    without("call_listeners_directly", is_guarded)
    with fresh_desk(emulator) as desk:
        desk.begin()
        timers = [task for task in asyncio.all_tasks(desk.hub._loop) if "long_event" in repr(task)]
        assert bool(timers) is not is_guarded


def test_a_listener_that_fails_is_logged_and_the_others_hear(
    emulator: EmulatorSite, caplog: pytest.LogCaptureFixture
) -> None:
    with fresh_desk(emulator) as desk:
        desk.begin()
        desk.link._stream.terminal_state.on_symbol_prices_updated = failing
        desk.quotes.clear()
        wait_for(lambda: desk.quotes)
    assert "on_symbol_prices_updated failed with ValueError broken" in caplog.text


async def failing(*_: Any, **__: Any) -> None:
    """A listener of no use."""
    raise ValueError("broken")


@GUARDED
def test_no_health_is_measured_that_nobody_reads(
    emulator: EmulatorSite, without: Callable[[str, bool], None], is_guarded: bool
) -> None:
    without("measure_no_health", is_guarded)
    with fresh_desk(emulator) as desk:
        desk.begin()
        wait_for(lambda: desk.quotes)
        has_measured = desk.link._stream.health_monitor._priceUpdatedAt is not None
        assert has_measured is not is_guarded


def test_a_line_of_the_log_is_short_and_made_only_when_it_is_wanted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = guards.SdkLog("Any")
    with caplog.at_level("WARNING", "trading.brokers.metaapi.sdk"):
        log.debug(lambda: pytest.fail("nobody wants it"))
        log.error("%s 100 %", ValueError("x"))
        log.warning(lambda: "y" * 1000)
    assert caplog.messages[0] == "%s 100 % x"
    assert len(caplog.messages[1]) == guards.LONGEST_LINE
