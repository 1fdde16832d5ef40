"""No secret reaches a log line, however it gets into the event."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tradebot.logging import MASK, Redactor

JWT = "eyJhbGciOiJSUzUxMiJ9.eyJfaWQiOiJjYW5hcnkifQ.canary-canary_canary"
BOT = "123456789:canary-canary-canary-canary-canary_"
CONFIGURED = 'canary\'of\\the "configuration"'


@pytest.mark.parametrize(
    "text",
    [
        f"auth-token: {JWT}",
        f"GET https://mt-client.example.com/?auth-token={JWT}&x=1",
        f'HTTP Request: POST https://api.telegram.org/bot{BOT}/sendMessage "HTTP/1.1 200 OK"',
        "connecting to postgres://user:canary@db:5432/name",
        "connecting to redis://:p@canary@host/0",
        "password=canary",
        "{'password': 'canary with blanks'}",
        '{"api_key": "canary"}',
        "'{\\'api-key\\': \\'canary\\'}'",
        "Authorization: Bearer canary",
        "authorization='Basic canary'",
        "{'Set-Cookie': 'sessionid=canary; Path=/'}",
        f"refused: {CONFIGURED}",
        f"refused: {CONFIGURED!r}",
    ],
)
def test_secrets_are_taken_out_of_text(text: str) -> None:
    redacted = Redactor([CONFIGURED]).text(text)
    assert "canary" not in redacted
    assert MASK in redacted


@pytest.mark.parametrize(
    "text",
    [
        "order 7 of trading.services.bootstrap is sent at 2026-01-05 10:11:12.123456",
        "the token is missing",
        "https://example.com:8443/dashboard/?symbol=EURUSD",
        "EURUSD 1.10000/1.10012, 3 fills, equity 10,000.00",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert Redactor([CONFIGURED, "", "abc"]).text(text) == text


def test_fields_are_masked_by_their_name_at_any_depth() -> None:
    event = {"event": "x", "api_key": 7, "headers": [{"Auth-Token": "canary"}], "a": {"b": "kept"}}
    redacted = Redactor()(None, "info", event)
    assert redacted == {
        "event": "x",
        "api_key": MASK,
        "headers": [{"Auth-Token": MASK}],
        "a": {"b": "kept"},
    }


def test_numbers_stay_numbers_and_objects_are_described() -> None:
    class Client:
        def __repr__(self) -> str:
            return "<Client password=canary>"

    redacted = Redactor()(None, "info", {"lots": Decimal("0.10"), "n": 3, "client": Client()})
    assert redacted == {"lots": Decimal("0.10"), "n": 3, "client": f"<Client password={MASK}"}


@given(st.text(), st.text(min_size=6))
def test_a_configured_secret_never_survives(text: str, secret: str) -> None:
    redacted = Redactor([secret]).text(f"{text}{secret}{text}")
    assert secret not in redacted or secret in MASK


CHATTER = """
import logging, os, threading
import django, httpx, structlog
django.setup()
c = "can" + "ary"  # so that no traceback shows it as source
log, library = structlog.get_logger("ours"), logging.getLogger("library")
log.info("hello", order=7, password=c)
log.warning("of %s", f"auth-token={c}")
library.error("headers %s", {"Authorization": f"Bearer {c}"})
try:
    raise ValueError("bot123456789:" + c * 6)
except ValueError:
    log.exception("failed")
    library.exception("failed too")
with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200))) as client:
    client.get(f"https://api.telegram.org/bot123456789:{c * 6}/getMe")
library.info("%d", f"password={c}")
log.info("configured", value="x" + os.environ["SECRET_KEY"])
def fail():
    raise RuntimeError(f"password={c}")
thread = threading.Thread(target=fail); thread.start(); thread.join()
raise RuntimeError(f"postgres://user:{c}@host/name")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_canary_reaches_the_output_of_a_process(tmp_path: Path, log_format: str) -> None:
    done = chatter(tmp_path, log_format)
    assert done.returncode == 1
    assert "hello" in done.stderr and "ValueError" in done.stderr and "uncaught" in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_production_logs_are_one_json_object_a_line(tmp_path: Path) -> None:
    lines = chatter(tmp_path, "json").stderr.splitlines()
    events = [json.loads(line) for line in lines if "could not be written" not in line]
    assert {"event": "hello", "level": "info", "logger": "ours", "order": 7}.items() <= (
        events[0].items()
    )
    assert events[0]["timestamp"].endswith("Z")
    assert "Traceback" in events[-1]["exception"]


def chatter(var: Path, log_format: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "tradebot.settings",
        "ENV_FILE": os.devnull,
        "TRADEBOT_VAR": str(var),
        "LOG_FORMAT": log_format,
        "SECRET_KEY": "canary-configured-canary-configured-canary-configured",
    }
    code = [sys.executable, "-c", CHATTER]
    return subprocess.run(code, env=environment, capture_output=True, text=True, check=False)
