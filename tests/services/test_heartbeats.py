"""Stamps of the processes: which of them live, and since when others are missed."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.conftest import ROOT
from tests.processes import wait_for
from trading.selectors.heartbeats import PROCESSES, heartbeats, stamp_key
from trading.services.heartbeats import Heartbeat


@pytest.fixture(autouse=True)
def nobody_has_run() -> Iterator[None]:
    keys = [stamp_key(process) for process in PROCESSES]
    cache.delete_many(keys)
    yield
    cache.delete_many(keys)


def test_nothing_is_known_of_a_process_that_never_stamped() -> None:
    assert heartbeats() == dict.fromkeys(PROCESSES)


def test_a_stamp_tells_how_old_it_is_until_the_process_ends() -> None:
    heartbeat = Heartbeat("gateway")
    heartbeat.beat()
    assert heartbeats()["gateway"] == pytest.approx(0, abs=5)
    heartbeat.end()
    assert heartbeats()["gateway"] is None


def test_a_round_soon_after_another_asks_nothing_of_the_cache() -> None:
    heartbeat = Heartbeat("gateway")
    heartbeat.beat()
    cache.delete(stamp_key("gateway"))
    heartbeat.beat()
    assert heartbeats()["gateway"] is None


def test_a_cache_that_is_away_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.services.heartbeats.cache", None)
    Heartbeat("gateway").beat()
    Heartbeat("gateway").end()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("process", PROCESSES)
def test_each_process_stamps_while_it_lives(process: str, child_env: dict[str, str]) -> None:
    commands = {
        "web": ["-m", "daphne", "-p", "0", "tradebot.web:application"],
        "worker": ["manage.py", "qworker", "--grace", "5"],
        "gateway": ["manage.py", "gateway"],
        "notifier": ["manage.py", "notifier"],
    }
    command = [sys.executable, *commands[process]]
    with subprocess.Popen(command, cwd=ROOT, env=child_env, start_new_session=True) as child:
        try:
            assert wait_for(lambda: heartbeats()[process] is not None, seconds=60)
        finally:
            child.terminate()
            child.wait(30)
    assert heartbeats()[process] is None
