"""The command: a table for people, JSON for programs, and its exit code."""

import json
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import call_command

from tests.conftest import ROOT
from trading.services.findings import Finding, failed, passed, warned

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def checks(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    given: dict[str, object] = {"settings": lambda: passed("all well")}
    monkeypatch.setattr("trading.services.doctor.PLATFORM", given)
    return given


def doctor(*options: str) -> tuple[int, str]:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", *options, stdout=out, no_color=True)
    return int(str(ended.value.code)), out.getvalue()


def test_a_sound_installation_ends_with_0() -> None:
    code, text = doctor()
    assert code == 0
    assert text.splitlines()[0].split() == ["PASS", "settings", "all", "well"]
    assert text.endswith("1 checks: 0 warnings, 0 failures\n")


def test_warnings_end_with_1_and_failures_with_2(checks: dict[str, object]) -> None:
    def slow() -> Finding:
        return warned("slow", "wait")

    checks["queue"] = slow
    code, text = doctor()
    assert (code, text.splitlines()[2].strip()) == (1, "-> wait")
    checks["redis"] = lambda: failed("away", "start it")
    assert doctor()[0] == 2


def test_json_is_as_documented(checks: dict[str, object]) -> None:
    checks["redis"] = lambda: failed("away", "start it")
    code, text = doctor("--json")
    assert code == 2
    assert json.loads(text)["checks"] == [
        {"name": "settings", "status": "PASS", "detail": "all well", "cure": ""},
        {"name": "redis", "status": "FAIL", "detail": "away", "cure": "start it"},
    ]


@pytest.mark.django_db(transaction=True)
def test_nothing_else_is_printed_by_a_process(child_env: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=child_env, capture_output=True, text=True, check=False
    )
    found = {c["name"]: c["status"] for c in json.loads(done.stdout)["checks"]}
    assert found["database"] == found["migrations"] == found["keys"] == "PASS"
    assert found["queue"] == "WARN"
    assert done.returncode in (1, 2)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_a_finding(child_env: dict[str, str]) -> None:
    env = {**child_env, "TESTS_DATABASE": "/nowhere/at/all"}
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    found = {c["name"]: c for c in json.loads(done.stdout)["checks"]}
    assert (done.returncode, found["database"]["status"]) == (2, "FAIL")
    assert found["database"]["cure"] == "Is DATABASE_URL right, and does the server run?"
    assert found["redis"]["status"] == "PASS"
