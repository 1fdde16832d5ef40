"""Each guard, and what the SDK does without it: if that stops failing, the guard can go."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]

from tests.brokers.metaapi.linked import LIVE, Desk, hub_at
from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from tests.metaapi_emulator.sdk import wait_for
from trading.brokers.metaapi import guards

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
