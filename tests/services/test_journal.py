"""What was done without the database is in the log once, and nothing re-enters by itself."""

import json
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from tests.factories import make_account
from trading.gateway.supervisor import Supervisor
from trading.models import Account, Event, KillSwitch, Severity
from trading.services.breakglass import Card, Journal
from trading.services.journal import journal_ingest
from trading.services.switches import kill_rearm

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: LazySettings, tmp_path: Path) -> Path:
    """Where the journal is."""
    settings.VAR_DIR = tmp_path
    (tmp_path / "breakglass").mkdir()
    return tmp_path / "breakglass"


@pytest.fixture
def account() -> Account:
    return make_account(name="Main", kind="venue", external_id="127.0.0.1:1/main")


def write(account: Account, *kinds: str) -> None:
    card = Card(account.name, account.pk, account.kind, account.external_id, account.currency)
    journal = Journal(card, "anna (command line)", "fire", pytest.fail)
    for kind in kinds:
        journal.write(kind)


def told() -> list[tuple[str, int]]:
    kept = Event.objects.filter(kind__startswith="breakglass.").order_by("id")
    return [(event.kind.removeprefix("breakglass."), event.severity) for event in kept]


def test_without_a_journal_there_is_nothing_to_do(folder: Path) -> None:
    assert journal_ingest() == 0
    assert list(folder.iterdir()) == []


def test_every_line_becomes_an_event_and_the_account_stays_flat(account: Account) -> None:
    write(account, "begin", "close", "failed", "close", "closed", "end")
    assert journal_ingest() == 6
    loud, quiet = Severity.CRITICAL, Severity.WARNING
    assert told() == [
        ("begin", loud),
        ("close", quiet),
        ("failed", loud),
        ("close", quiet),
        ("closed", quiet),
        ("end", quiet),
    ]
    switch = KillSwitch.objects.get()
    assert (switch.account, switch.mode, switch.rearmed_at) == (account, "FLATTEN", None)
    assert (switch.reason, switch.pulled_by) == ("break-glass: fire", "anna (command line)")


def test_taken_in_twice_is_once_also_without_the_offset(account: Account, folder: Path) -> None:
    write(account, "begin", "end")
    assert [journal_ingest(), journal_ingest()] == [2, 0]
    (folder / "journal.offset").unlink()
    assert journal_ingest() == 0
    assert len(told()) == 2


def test_an_offset_of_another_journal_skips_nothing(account: Account, folder: Path) -> None:
    write(account, "begin")
    (folder / "journal.offset").write_text("40")
    assert journal_ingest() == 1


def test_what_is_known_does_not_stop_again_what_a_person_re_armed(
    account: Account, folder: Path, owner: User
) -> None:
    write(account, "begin")
    journal_ingest()
    kill_rearm(switch=KillSwitch.objects.get(), actor=owner, reason="all clear")
    (folder / "journal.offset").unlink()
    journal_ingest()
    assert not KillSwitch.objects.filter(rearmed_at__isnull=True).exists()
    write(account, "begin")
    journal_ingest()
    assert KillSwitch.objects.filter(rearmed_at__isnull=True).count() == 1


def test_with_nothing_new_the_database_is_not_asked(
    account: Account, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    write(account, "begin")
    journal_ingest()
    with django_assert_num_queries(0):  # type: ignore[operator]
        journal_ingest()


def test_a_line_that_is_being_written_waits(account: Account) -> None:
    write(account, "begin", "end")
    whole = Journal.path().read_bytes()
    Journal.path().write_bytes(whole[:-5])
    assert [journal_ingest(), journal_ingest()] == [1, 0]
    Journal.path().write_bytes(whole)
    assert journal_ingest() == 1


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind": "cl',
        b"\xff\xfe",
        b"7",
        b'{"kind": "sell"}',
        b'{"kind": ["close"]}',
        b'{"kind": "close", "error": "\\u0000\\ud800", "account": 1e999, "name": null}',
        b'{"kind": "close", "account": 99999999999999999999999, "external_id": "x"}',
        b"[" * 5000,
    ],
)
def test_a_line_nobody_wrote_stops_nothing(account: Account, line: bytes) -> None:
    Journal.path().write_bytes(line + b"\n\n")
    write(account, "begin")
    assert journal_ingest() == 2
    assert told()[1] == ("begin", Severity.CRITICAL)


def test_an_account_is_found_by_name_in_a_new_database(account: Account) -> None:
    write(Account(name="Main", pk=account.pk + 1), "begin")
    make_account(pk=account.pk + 1)
    journal_ingest()
    assert KillSwitch.objects.get().account == account


def test_a_renamed_account_is_found_by_number_and_external_id(account: Account) -> None:
    write(account, "begin")
    Account.objects.filter(pk=account.pk).update(name="Renamed")
    journal_ingest()
    assert KillSwitch.objects.get().account == account


def test_an_account_that_is_not_here_is_told_and_nobody_else_is_stopped(account: Account) -> None:
    write(Account(name="Other", pk=account.pk, external_id="elsewhere"), "begin")
    assert journal_ingest() == 1
    assert "Other (no account here)" in Event.objects.get().message
    assert not KillSwitch.objects.exists()


def test_the_event_has_the_whole_line(account: Account) -> None:
    write(account, "begin")
    journal_ingest()
    payload = Event.objects.get(kind="breakglass.begin").payload
    line = json.loads(Journal.path().read_text())
    assert {k: v for k, v in payload.items() if k != "line"} == {k: str(v) for k, v in line.items()}


def test_the_gateway_takes_it_in_with_its_first_step(transactional_db: None) -> None:
    write(make_account(name="Paper"), "begin", "end")

    class Brief(Supervisor):
        def _step(self) -> None:
            super()._step()
            self.stopping = True

    Brief().run()
    assert KillSwitch.objects.get().mode == "FLATTEN"
    assert told() == [("begin", Severity.CRITICAL), ("end", Severity.WARNING)]
