"""Each check of the doctor, healthy and ill, on real servers and the emulator's HTTP."""

import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import time
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.cache import cache
from django.db import connection
from django.utils.timezone import now
from django_q.models import OrmQ, Task

from tests.conftest import ROOT
from tests.desk import make_desk
from tests.factories import (
    make_account,
    make_connection,
    make_deployment,
    make_lease,
    make_news,
    make_risk_limit,
)
from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from tests.services.metaapi_desk import account_at, client_at
from trading.engine.sessions import WEEKDAYS
from trading.models import Account, Installation, QuoteBoard, Symbol
from trading.selectors.heartbeats import stamp_key
from trading.services import doctor_brokers, doctor_platform
from trading.services.doctor import doctor_run, exit_code
from trading.services.findings import Check, Finding, Status
from trading.services.specifications import specifications_sync

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def shared_site() -> Iterator[EmulatorSite]:
    with emulator_thread() as site:
        yield site


@pytest.fixture
def site(shared_site: EmulatorSite, settings: LazySettings) -> EmulatorSite:
    settings.METAAPI_BASE_URL = shared_site.url
    shared_site.faults()
    return shared_site


@pytest.fixture
def account(site: EmulatorSite) -> Account:
    return account_at(site)


def verdict(finding: Finding, words: str = "") -> str:
    assert words in finding.detail
    assert bool(finding.cure) is (finding.status is not Status.PASS)
    return finding.status.value


# --- the platform


def test_a_sound_platform_passes() -> None:
    assert verdict(doctor_platform.database_check(), connection.display_name) == "PASS"
    assert verdict(doctor_platform.migrations_check()) == "PASS"
    assert verdict(doctor_platform.redis_check()) == "PASS"
    assert verdict(doctor_platform.disk_check(), "MiB free") in ("PASS", "WARN")
    assert verdict(doctor_platform.sdk_check(), "29.1.1") == "PASS"


def test_a_written_row_does_not_stay() -> None:
    count = Installation.objects.count()
    assert verdict(doctor_platform.writing_check()) == "PASS"
    assert Installation.objects.count() == count


@pytest.mark.parametrize(
    ("days", "expected"), [(None, "FAIL"), (-8, "FAIL"), (0, "WARN"), (7, "PASS")]
)
def test_a_calendar_that_runs_out_is_told_where_a_limit_needs_it(
    days: int | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sunday = datetime(2026, 3, 8, 12, tzinfo=UTC)
    monkeypatch.setattr("trading.services.doctor_platform.now", lambda: sunday)
    assert verdict(doctor_platform.news_check(), "no limit") == "PASS"
    make_risk_limit(control="NEWS_CLOSES", value=2)
    if days is not None:
        make_news(at=sunday + timedelta(days=days))
    assert verdict(doctor_platform.news_check(), "news are") == expected


def test_settings_that_django_warns_of_are_told(settings: LazySettings) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "retry": 1}
    assert verdict(doctor_platform.settings_check(), "tradebot.E001") == "FAIL"


def test_a_disk_below_and_near_the_reserve(settings: LazySettings) -> None:
    settings.DISK_RESERVE_MB = 10**9
    assert verdict(doctor_platform.disk_check()) == "FAIL"


def test_without_a_worker_the_queue_is_left_as_it_was() -> None:
    finding = doctor_platform.queue_check(seconds=0.2)
    assert verdict(finding, "no worker answered within 0.2 s, 1 tasks wait") == "WARN"
    assert OrmQ.objects.count() == 0


@pytest.mark.parametrize(
    ("age", "status", "words"),
    [(2, "PASS", "2 s old"), (30, "WARN", "30 s old"), (90, "FAIL", "it died or stands still")],
)
def test_processes_are_judged_by_their_stamps(age: float, status: str, words: str) -> None:
    cache.set(stamp_key("gateway"), time() - age)
    assert verdict(doctor_platform.process_check("gateway"), words) == status


def test_a_process_that_never_ran_or_ended_in_order_is_not_missed() -> None:
    cache.delete(stamp_key("gateway"))
    assert verdict(doctor_platform.process_check("gateway"), "not running") == "WARN"


@pytest.mark.django_db(transaction=True)
def test_a_worker_answers_the_canary(child_env: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "qworker", "--grace", "5"]
    with subprocess.Popen(command, cwd=ROOT, env=child_env, start_new_session=True) as worker:
        try:
            assert verdict(doctor_platform.queue_check(seconds=60), "answered after") == "PASS"
        finally:
            worker.terminate()
            worker.wait(30)
    assert (Task.objects.count(), OrmQ.objects.count()) == (0, 0)


def test_keys_that_open_with_the_first_with_another_and_with_none(settings: LazySettings) -> None:
    make_connection()
    assert verdict(doctor_platform.keys_check(), "1 secrets open with the first") == "PASS"
    old, new = settings.FIELD_KEYS[0], Fernet.generate_key().decode()
    settings.FIELD_KEYS = [new, old]
    assert verdict(doctor_platform.keys_check(), "1 of 1 secrets") == "WARN"
    settings.FIELD_KEYS = [new]
    assert verdict(doctor_platform.keys_check(), "trading.Connection.token of row") == "FAIL"


def test_another_sdk_fails_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_platform, "SDK_VERSION", "99.0.0")
    assert verdict(doctor_platform.sdk_check(), "was 29.1.1") == "WARN"
    make_account(kind="metaapi")
    assert verdict(doctor_platform.sdk_check()) == "FAIL"
    monkeypatch.setattr(doctor_platform, "SDK", "no-such-package")
    assert verdict(doctor_platform.sdk_check(), "was none") == "FAIL"


# --- tokens


def token(**claims: Any) -> str:
    payload = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


def rules(*roles: str, apis: tuple[str, ...] = doctor_brokers.APIS) -> list[dict[str, Any]]:
    return [{"id": api, "roles": list(roles), "resources": ["*"]} for api in apis]


def in_days(days: float) -> int:
    return int((now() + timedelta(days=days)).timestamp())


@pytest.mark.parametrize(
    ("given", "expected", "words"),
    [
        ("opaque", "WARN", "does not say"),
        ("a.!.c", "WARN", "does not say"),
        ("a.WzFd.c", "WARN", "does not say"),
        (token(), "PASS", "reads and trades without end"),
        (token(exp=in_days(90), accessRules=rules("reader", "writer")), "PASS", "until 20"),
        (token(exp=in_days(3)), "WARN", "it ends on"),
        (token(exp=in_days(-1)), "FAIL", "it ends on"),
        (token(accessRules=rules("reader")), "WARN", "it only reads"),
        (token(accessRules=rules("reader", apis=doctor_brokers.APIS[1:])), "FAIL", "-rest-api"),
    ],
    ids=range(9),  # the tokens hold the time, which is another one in each process
)
def test_tokens_tell_their_rights_and_their_end(given: str, expected: str, words: str) -> None:
    finding = doctor_brokers.token_check(make_connection(token=given))
    assert verdict(finding, words) == expected
    assert given not in finding.detail + finding.cure


# --- accounts at their broker


def test_an_account_that_is_well_passes(site: EmulatorSite, account: Account) -> None:
    assert verdict(doctor_brokers.specification_check(account), "no symbol") == "WARN"
    specifications_sync(account=account, client=client_at(site, account))
    assert verdict(doctor_brokers.connection_check(account), "equity 10000.00 USD") == "PASS"
    assert verdict(doctor_brokers.clock_check(account), "s from ours") == "PASS"
    assert verdict(doctor_brokers.specification_check(account), "symbols lose") == "PASS"


def test_an_account_that_does_not_answer_fails(account: Account) -> None:
    account.external_id = "gone"
    assert verdict(doctor_brokers.connection_check(account), "HTTP 404") == "FAIL"


def test_an_account_in_another_currency_fails(account: Account) -> None:
    account.currency = "EUR"
    assert verdict(doctor_brokers.connection_check(account), "Expected EUR, was USD") == "FAIL"


def test_an_account_that_was_stopped_on_purpose_is_said_and_not_asked(account: Account) -> None:
    account.remote_state = "UNDEPLOYED"
    assert verdict(doctor_brokers.connection_check(account), "UNDEPLOYED") == "WARN"
    assert not doctor_brokers.is_asked(account)


@pytest.mark.parametrize(("seconds", "expected"), [(1, "PASS"), (5, "WARN"), (-60, "FAIL")])
def test_a_skewed_clock_is_told(
    account: Account, monkeypatch: pytest.MonkeyPatch, seconds: int, expected: str
) -> None:
    monkeypatch.setattr(
        doctor_brokers, "now", lambda: datetime.now(UTC) + timedelta(seconds=seconds)
    )
    assert verdict(doctor_brokers.clock_check(account)) == expected


@pytest.mark.parametrize("name", ["EURUSD", "USDJPY"])
def test_a_wrong_contract_size_is_found(site: EmulatorSite, account: Account, name: str) -> None:
    client = client_at(site, account)
    symbol = specifications_sync(account=account, client=client, names=[name]).symbols[0]
    make_deployment(account=account, symbol=symbol)
    assert verdict(doctor_brokers.specification_check(account), "1 symbols") == "PASS"
    Symbol.objects.update(contract_size=Decimal(10_000))
    assert verdict(doctor_brokers.specification_check(account), f"{name}: a lot loses") == "FAIL"


# --- quotes and leases


def test_quotes_are_fresh_old_or_of_a_closed_market() -> None:
    desk = make_desk()
    source = desk.symbol.source
    assert verdict(doctor_brokers.quotes_check(source), "the oldest of 1") == "PASS"
    cache.clear()
    QuoteBoard.objects.all().delete()
    assert verdict(doctor_brokers.quotes_check(source), "EURUSD none") == "WARN"
    another_day = WEEKDAYS[(now().weekday() + 3) % 7]
    desk.symbol.sessions = {"zone": "UTC", "quote": {another_day: [["10:00", "11:00"]]}}
    desk.symbol.save()
    assert verdict(doctor_brokers.quotes_check(source), "market is closed") == "PASS"


def test_leases_are_held_lost_or_fenced() -> None:
    account = make_account()
    assert verdict(doctor_brokers.lease_check(account), "no gateway has ever") == "WARN"
    lease = make_lease(account=account)
    assert verdict(doctor_brokers.lease_check(account), "epoch 1") == "PASS"
    lease.state = "STARTING"
    assert verdict(doctor_brokers.lease_check(account), "NOT_RECONCILED") == "WARN"
    lease.min_build = 10**12
    assert verdict(doctor_brokers.lease_check(account), "BUILD_FENCED") == "FAIL"


# --- all of them


def test_what_raises_is_a_failure_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    def broken() -> Finding:
        raise OSError(f"cannot\nread {settings.SECRET_KEY}")

    monkeypatch.setattr("trading.services.doctor.PLATFORM", {"broken": broken})
    make_account(kind="metaapi", external_id="")
    checks = doctor_run()
    assert checks[0].to_json()["detail"] == "OSError: cannot read ***"
    assert [c.name.split(":")[0] for c in checks] == [
        *("broken", "account", "clock", "specification", "lease")
    ]
    assert [c.status.value for c in checks] == ["FAIL", "FAIL", "FAIL", "FAIL", "WARN"]
    assert exit_code(checks) == 2


def test_rows_that_cannot_be_read_are_one_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Account]:
        raise OSError("gone")

    monkeypatch.setattr("trading.services.doctor.PLATFORM", {})
    monkeypatch.setattr("trading.services.doctor.brokers.is_asked", lambda account: broken())
    make_account(kind="metaapi")
    names = {check.name: check.detail for check in doctor_run()}
    assert names["clock"] == "OSError: gone"


@pytest.mark.parametrize(
    ("statuses", "code"), [("", 0), ("PASS", 0), ("PASS WARN", 1), ("WARN FAIL PASS", 2)]
)
def test_the_exit_code_is_the_worst(statuses: str, code: int) -> None:
    assert exit_code(Check("x", Status(s), "", "") for s in statuses.split()) == code
