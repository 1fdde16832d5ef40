"""The SDK's life in a process: one version, one object, and an end that never hangs."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

import pytest

from tests.brokers.metaapi.linked import Desk, hub_at, options_of
from tests.conftest import ROOT
from tests.metaapi_emulator.running import EmulatorSite
from trading.brokers.base import Unavailable
from trading.brokers.metaapi import Hosts, stream
from trading.brokers.metaapi.redirect import NotTheEmulator
from trading.brokers.metaapi.stream import Hub, HubOptions, LinkState, hub_for
from trading.engine.types import EngineError

FORGETFUL = """
import sys, time
from trading.brokers.metaapi.hosts import Hosts
from trading.brokers.metaapi.stream import HubOptions, LinkState, hub_for
url, token, account = sys.argv[1:]
link = hub_for(token, HubOptions(hosts=Hosts(base_url=url))).link(account)
link.start()
while link.state is not LinkState.LIVE:
    time.sleep(0.01)
print("live", flush=True)
"""


def metaapi_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "metaapi"]


@pytest.mark.parametrize("found", ["29.1.0", "30.0.0"])
def test_it_refuses_a_version_the_guards_are_not_proved_on(
    monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    monkeypatch.setattr(stream, "version", lambda _: found)
    count = len(metaapi_threads())
    with pytest.raises(EngineError, match=r"Expected metaapi-cloud-sdk 29\.1\.1, was " + found):
        Hub("a.b.c")
    assert len(metaapi_threads()) == count


def test_there_is_one_hub_of_a_token_until_it_is_stopped(emulator: EmulatorSite) -> None:
    options = options_of(emulator)
    hub = hub_for(emulator.token, options)
    assert hub_for(emulator.token, options) is hub
    assert hub.link("a") is hub.link("a") is not hub.link("b")
    hub.stop()
    other = hub_for(emulator.token, options)
    assert other is not hub
    other.stop()


def test_stopping_ends_sockets_loop_and_thread_and_may_be_repeated(emulator: EmulatorSite) -> None:
    before = set(threading.enumerate())
    with hub_at(emulator) as hub:
        desk = Desk(emulator, hub, emulator.open_account())
        desk.begin()
        began = monotonic()
        hub.stop()
        assert monotonic() - began < 5
        assert hub._loop.is_closed()
        assert not [t for t in set(threading.enumerate()) - before if t.name != "emulator"]
        hub.stop()
        desk.stream.stop()
        with pytest.raises(Unavailable):
            desk.link.start()


def test_stopping_does_not_wait_for_a_server_that_says_nothing(emulator: EmulatorSite) -> None:
    with hub_at(emulator) as hub:
        desk = Desk(emulator, hub, emulator.open_account())
        desk.begin()
        emulator.faults(mute=True)
        began = monotonic()
        hub.stop()
        assert monotonic() - began < 5
        emulator.faults()


def test_it_leaves_no_task_and_no_file_not_even_after_a_reconnection(
    emulator: EmulatorSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with hub_at(emulator) as hub:
        desk = Desk(emulator, hub, emulator.open_account())
        desk.begin()
        emulator.ask("drop", account=desk.account)
        desk.wait(LinkState.DOWN)
        desk.wait(LinkState.LIVE)
        hub.stop()
        assert not asyncio.all_tasks(hub._loop)
    assert not list(tmp_path.iterdir())


def test_a_process_that_forgets_to_stop_it_ends_all_the_same(emulator: EmulatorSite) -> None:
    arguments = [emulator.url, emulator.token, emulator.open_account()]
    command = [sys.executable, "-c", FORGETFUL, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "live\n"
        assert process.wait(5) == 0


def test_a_real_token_never_gets_to_an_emulator() -> None:
    options = HubOptions(hosts=Hosts(base_url="http://127.0.0.1:9"))
    count = len(metaapi_threads())
    with pytest.raises(Unavailable) as caught:
        Hub("eyJhbGciOiJSUzUxMiJ9.e30.signature", options)
    assert isinstance(caught.value.__cause__, NotTheEmulator)
    assert len(metaapi_threads()) == count


def test_the_sdk_prints_nothing(
    emulator: EmulatorSite, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", "trading.brokers.metaapi.sdk"), hub_at(emulator) as hub:
        Desk(emulator, hub, emulator.open_account()).begin()
    assert "websocket client connected" in caplog.text
    assert "[INFO]" not in capfd.readouterr().out  # as its own logger prints
    assert emulator.token not in caplog.text
