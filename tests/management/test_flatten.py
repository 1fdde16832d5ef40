"""`manage.py flatten`: through the gateway, and without a database at all."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from tests.brokers.venue.running import Site, entry, venue_process
from tests.conftest import ROOT
from tests.desk import NOON, make_desk
from tests.factories import make_account, make_connection, make_order
from tests.processes import wait_for
from trading.brokers.venue import Faults
from trading.gateway.seat import Seat
from trading.models import KillSwitch, Lease, Position
from trading.services.breakglass import card_write
from trading.services.brokers import broker_for
from trading.services.runs import run_execute

TOKEN = "a-token-nobody-may-see"


@pytest.fixture(scope="module")
def venue() -> Iterator[str]:
    options = ("--speed", "0", "--start", NOON.isoformat(), "--balance", "10000", "--no-costs")
    with venue_process(*options) as address:
        yield address


@pytest.fixture
def site(venue: str) -> Site:
    """An account with two positions."""
    site = Site(venue)
    site.broker.submit(entry())
    site.broker.submit(entry("client-2"))
    return site


@pytest.fixture
def var(db: None, settings: LazySettings, tmp_path: Path, site: Site) -> Path:
    """VAR_DIR with the card of the account, which has a token."""
    settings.VAR_DIR = tmp_path
    external_id = f"{site.address}/{site.account}"
    connection = make_connection(token=TOKEN)
    card_write(
        account=make_account(
            name="Main", kind="venue", external_id=external_id, connection=connection
        )
    )
    return tmp_path


def command(var: Path, *words: str, **env: str) -> subprocess.Popen[str]:
    """The real command with the platform's own settings."""
    given = {"DJANGO_SETTINGS_MODULE": "tradebot.settings", "TRADEBOT_VAR": str(var)}
    return subprocess.Popen(
        [sys.executable, "manage.py", "flatten", *words],
        cwd=ROOT,
        env={**os.environ, **given, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """How it ended and what it said."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out + err


def journal(var: Path) -> list[dict[str, object]]:
    path = var / "breakglass/journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_database_that_never_answers_is_not_even_asked(var: Path, site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as dead:
        dead.setblocking(False)
        url = f"postgres://user:pw@127.0.0.1:{dead.getsockname()[1]}/gone"
        code, said = finish(command(var, "Main", "--break-glass", DATABASE_URL=url))
        with pytest.raises(BlockingIOError):
            dead.accept()
    assert (code, site.broker.account().positions) == (0, ()), said
    assert "Main: close long 0.1 EURUSD #1: closed" in said
    assert TOKEN not in said + (var / "breakglass/journal.jsonl").read_text()


def test_a_broken_database_file_is_not_touched(var: Path, site: Site) -> None:
    file = var / "tradebot.sqlite3"
    file.write_bytes(b"no database")
    code, said = finish(command(var, "Main", "--break-glass", DATABASE_URL=""))
    assert (code, site.broker.account().positions) == (0, ()), said
    assert file.read_bytes() == b"no database"


def test_killed_between_a_close_and_its_answer_it_is_run_again(var: Path, site: Site) -> None:
    site.admin.set_faults(Faults(delay_reply=1, delay_least=30, delay_most=30))
    process = command(var, "Main", "--break-glass", DATABASE_URL="")
    assert wait_for(lambda: site.requests()[2:])
    process.send_signal(signal.SIGKILL)
    finish(process)
    assert [line["kind"] for line in journal(var)] == ["begin", "close"]
    site.admin.set_faults(Faults())
    code, said = finish(command(var, "Main", "--break-glass", DATABASE_URL=""))
    assert (code, site.broker.account().positions) == (0, ()), said
    assert len(site.executions()) == 4


def test_what_stays_open_is_named_and_the_end_is_no_success(var: Path, site: Site) -> None:
    site.admin.set_faults(Faults(reject=1))
    out = StringIO()
    with pytest.raises(CommandError, match=r"Expected Main flat within 0 s, was: position long"):
        call_command("flatten", "Main", "--break-glass", "--wait", "0", stdout=out)
    assert "Rejected" in out.getvalue()


def test_a_name_without_a_card_is_told(var: Path) -> None:
    with pytest.raises(CommandError, match=r"Expected one card for 'Man' in .*; accounts: Main"):
        call_command("flatten", "Man", "--break-glass")


def test_a_paper_account_needs_its_database(var: Path) -> None:
    card_write(account=make_account(name="Paper"))
    with pytest.raises(CommandError, match="expected a broker outside, was paper"):
        call_command("flatten", "Paper", "--break-glass")


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "soon"])
def test_a_wait_is_a_number_of_seconds(wait: str) -> None:
    with pytest.raises(CommandError, match="expected seconds, 0 or more"):
        call_command("flatten", "Main", f"--wait={wait}")


def test_a_terminal_that_is_gone_keeps_nothing_open(var: Path, site: Site) -> None:
    out = StringIO()
    out.close()
    call_command("flatten", "Main", "--break-glass", stdout=out)
    assert site.broker.account().positions == ()


def test_the_gateway_closes_and_the_switch_stays(child_env: dict[str, str]) -> None:
    desk = make_desk()
    run_execute(run_id=desk.close_bar(0, 1.1).pk)
    Lease.objects.all().delete()
    seat = Seat(desk.account, broker_for(account=desk.account))
    assert seat.take()
    words = [sys.executable, "manage.py", "flatten", desk.account.name, "--reason", "fire"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(words, cwd=ROOT, env=child_env, text=True, **pipes)  # type: ignore[call-overload]

    def is_over() -> bool:
        desk.quote("1.10000")
        seat.observe()
        return process.poll() is not None

    assert wait_for(is_over, seconds=60)
    said = process.communicate()[0]
    switch = KillSwitch.objects.get(account=desk.account, mode="FLATTEN", rearmed_at=None)
    assert process.returncode == 0, said
    assert f"manage.py rearm {switch.pk}" in said
    assert not Position.objects.filter(closed_at=None).exists()
    seat.drop()


@pytest.mark.django_db
def test_without_a_gateway_it_says_what_is_left_and_the_switch_stays() -> None:
    desk = make_desk()
    run_execute(run_id=desk.close_bar(0, 1.1).pk)
    Lease.objects.all().delete()
    with pytest.raises(CommandError) as caught:
        call_command("flatten", desk.account.name, "--wait", "0")
    assert "was: open Short" in str(caught.value)
    assert "no gateway runs the account" in str(caught.value)
    assert KillSwitch.objects.get().reason == "from the command line"


@pytest.mark.django_db
def test_an_entry_under_way_is_not_flat() -> None:
    account = make_account()
    make_order(account=account, status="UNKNOWN")
    with pytest.raises(CommandError, match=r"was: UNKNOWN .* its broker was not read since"):
        call_command("flatten", str(account.pk), "--wait", "0")


@pytest.mark.django_db
def test_an_unknown_account_pulls_nothing() -> None:
    make_account(name="Main")
    with pytest.raises(CommandError, match="Expected an account among Main, was 'Man'"):
        call_command("flatten", "Man")
    assert not KillSwitch.objects.exists()


def test_without_the_database_it_names_the_way_that_needs_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"postgres://user:pw@127.0.0.1:{port}/gone"
    code, said = finish(command(tmp_path, "Main Two", DATABASE_URL=url))
    assert code == 1
    assert "manage.py flatten 'Main Two' --break-glass" in said
