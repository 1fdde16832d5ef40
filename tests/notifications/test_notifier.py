"""The notifier process: sends what is due, ends when told, loses nothing when killed."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils.timezone import now

from notifications.management.commands import notifier
from notifications.models import Delivery
from tests.conftest import ROOT
from tests.factories import make_event
from tests.notifications.bot_api import BotApi
from tests.notifications.factories import make_rule
from tests.processes import wait_for
from trading.selectors.heartbeats import heartbeats

Status = Delivery.Status


@contextmanager
def running_notifier(env: dict[str, str], api: BotApi) -> Iterator[subprocess.Popen[bytes]]:
    ours = {
        "DJANGO_SETTINGS_MODULE": "tests.notifications.notifier_settings",
        "TESTS_TELEGRAM_API_URL": api.url,
    }
    command = [sys.executable, "manage.py", "notifier"]
    process = subprocess.Popen(command, cwd=ROOT, env={**env, **ours})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.django_db
def test_once_sends_what_is_due_and_ends(bot_api: BotApi) -> None:
    make_rule()
    for number in range(3):
        make_event(message=f"Number {number}")
    call_command("notifier", once=True)
    assert [sent.text.splitlines()[1] for sent in bot_api.sent] == [
        "Number 0",
        "Number 1",
        "Number 2",
    ]
    assert set(Delivery.objects.values_list("status", flat=True)) == {Status.SENT}
    assert heartbeats()["notifier"] is None  # it does not go on


@pytest.mark.django_db
def test_a_cache_that_is_away_does_not_matter(
    bot_api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_rule()
    make_event()
    monkeypatch.setattr("trading.services.heartbeats.cache", _Away())
    call_command("notifier", once=True)
    assert len(bot_api.sent) == 1


class _Away:
    def set(self, *_: object, **__: object) -> None:
        raise ConnectionError("away")

    delete = set


def test_an_outage_of_the_database_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    command = notifier.Command()
    outcomes = iter([OperationalError("away"), OperationalError("away"), None])
    rests: list[float] = []

    def drain() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        command.stopping = True

    monkeypatch.setattr(command, "drain", drain)
    monkeypatch.setattr(command, "rest", rests.append)
    command.work()
    assert rests == [notifier.OUTAGE_SECONDS] * 2 + [notifier.IDLE_SECONDS]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(
    child_env: dict[str, str], bot_api: BotApi, number: signal.Signals
) -> None:
    make_rule()
    make_event()
    with running_notifier(child_env, bot_api) as process:
        assert wait_for(lambda: Delivery.objects.filter(status=Status.SENT).exists())
        process.send_signal(number)
        assert process.wait(10) == 0


def test_a_provider_that_never_answers_cannot_delay_the_end(
    child_env: dict[str, str], bot_api: BotApi
) -> None:
    bot_api.open.clear()
    make_rule()
    make_event()
    with running_notifier(child_env, bot_api) as process:
        assert wait_for(lambda: bot_api.sent)
        process.terminate()
        assert process.wait(8) == 0  # less than the client's own time-out
    assert Delivery.objects.get().status == Status.SENDING


def test_a_killed_notifier_loses_nothing(child_env: dict[str, str], bot_api: BotApi) -> None:
    make_rule()
    for number in range(6):
        make_event(message=f"Number {number}")
    bot_api.held_after = 2
    bot_api.open.clear()
    with running_notifier(child_env, bot_api) as process:
        assert wait_for(lambda: len(bot_api.sent) == 3)
        process.kill()
        process.wait()
    bot_api.open.set()
    interrupted = Delivery.objects.filter(status=Status.SENDING)
    assert interrupted.update(locked_until=now()) == 1  # the time of its claim passes
    with running_notifier(child_env, bot_api):
        assert wait_for(lambda: Delivery.objects.filter(status=Status.SENT).count() == 6)
    texts = Counter(sent.text.splitlines()[1] for sent in bot_api.sent)
    assert texts == Counter([*(f"Number {number}" for number in range(6)), "Number 2"])
    assert ["Possible duplicate" in sent.text for sent in bot_api.sent].count(True) == 1
