"""The settings file, run anew with a given environment."""

import os
import runpy
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.conftest import ROOT

FIELD_KEY = "dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtISE="
PRODUCTION = {
    "DATABASE_URL": "postgres://bot:hunter2-hunter2@db.example.com:5433/trades?sslmode=require",
    "REDIS_URL": "rediss://:redis-password@cache.example.com:6380/1",
    "SECRET_KEY": "k" * 25 + "0123456789" * 3,
    "FIELD_KEYS": FIELD_KEY,
    "BACKEND_API_URL": "https://trade.example.com/",
}
Load = Callable[..., dict[str, Any]]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Run the file with these variables and no others; returns its names."""

    def run(**variables: str) -> dict[str, Any]:
        os.environ.clear()
        os.environ.update({"ENV_FILE": os.devnull, "TRADEBOT_VAR": str(tmp_path)} | variables)
        return runpy.run_path(str(ROOT / "tradebot" / "settings.py"))

    with patch.dict(os.environ):  # puts everything back
        yield run


def test_nothing_set_is_the_embedded_mode(load: Load, tmp_path: Path) -> None:
    found = load()
    assert found["DATABASES"]["default"]["NAME"] == tmp_path / "tradebot.sqlite3"
    assert found["REDIS_URL"] == f"unix://{tmp_path}/valkey.sock"
    assert found["FRONTEND_WS_URL"] == "ws://127.0.0.1:8000/ws/dashboard/"
    assert found["ALLOWED_HOSTS"] == ["127.0.0.1", "[::1]", "localhost"]
    assert found["DEMO"] is True


def test_generated_keys_are_kept_and_private(load: Load, tmp_path: Path) -> None:
    first, second = (load() for _ in range(2))
    assert first["SECRET_KEY"] == second["SECRET_KEY"]
    assert first["FIELD_KEYS"] == second["FIELD_KEYS"]
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["field_keys", "secret_key"]
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in files} == {0o600}


def test_production_mode_takes_everything_from_the_environment(load: Load, tmp_path: Path) -> None:
    found = load(**PRODUCTION)
    database = found["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"]) == ("db.example.com", 5433)
    assert database["OPTIONS"] == {"sslmode": "require"}
    assert database["CONN_HEALTH_CHECKS"] is True
    assert found["FRONTEND_WS_URL"] == "wss://trade.example.com/ws/dashboard/"
    assert found["ALLOWED_HOSTS"] == ["trade.example.com"]
    assert found["SESSION_COOKIE_SECURE"] and found["SECURE_SSL_REDIRECT"]
    assert not list(tmp_path.iterdir()), "Expected no generated keys"


def test_plain_http_switches_the_transport_security_off(load: Load) -> None:
    values = PRODUCTION | {"BACKEND_API_URL": "http://trade.example.com"}
    found = load(**values)
    assert not found["SESSION_COOKIE_SECURE"] and not found["SECURE_SSL_REDIRECT"]
    assert found["SECURE_HSTS_SECONDS"] == 0


def test_the_origin_of_the_websocket_url_is_allowed(load: Load) -> None:
    values = PRODUCTION | {"FRONTEND_WS_URL": "wss://live.example.com:8443/socket/"}
    found = load(**values)
    assert "https://live.example.com:8443" in found["ALLOWED_ORIGINS"]
    assert "live.example.com" in found["ALLOWED_HOSTS"]


def test_the_env_file_is_read_and_the_environment_wins(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDIS_PREFIX=from-file\nDEMO='no'\nLOG_LEVEL=\n")
    found = load(ENV_FILE=str(tmp_path / ".env"), REDIS_PREFIX="from-environment")
    assert (found["REDIS_PREFIX"], found["DEMO"]) == ("from-environment", False)
    assert found["LOGGING"]["level"] == "INFO"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DEBUG", "maybe", "DEBUG: expected true or false, was 'maybe'"),
        ("DATABASE_URL", "mysql://u:pw-canary@h/n", "DATABASE_URL: expected a URL that begins"),
        ("DATABASE_URL", "postgres://u:pw-canary@h:5432", "DATABASE_URL: expected a database name"),
        ("DATABASE_URL", "postgres://u:pw-canary@h:port/n", "DATABASE_URL: expected a URL"),
        ("REDIS_URL", "http://h:6379", "REDIS_URL: expected a URL that begins with redis://"),
        ("BACKEND_API_URL", "trade.example.com", "BACKEND_API_URL: expected a URL"),
        ("BACKEND_API_URL", "https://", "BACKEND_API_URL: expected a URL"),
        ("FRONTEND_WS_URL", "https://h/ws", "FRONTEND_WS_URL: expected a URL that begins with ws"),
        ("FIELD_KEYS", "pw-canary", "FIELD_KEYS: expected Fernet keys"),
        ("FIELD_KEYS", f"{FIELD_KEY},pw-canary", "was key 2"),
        ("METAAPI_TOKEN", "pw-canary with blanks", "METAAPI_TOKEN: expected a MetaApi token"),
        ("MT_ACCOUNT_ID", "abc", "METAAPI_TOKEN: expected a value, because MT_ACCOUNT_ID is given"),
        (
            "METAAPI_BASE_URL",
            "http://emulator.example:1",
            "METAAPI_BASE_URL: expected a URL of this",
        ),
        ("METAAPI_BASE_URL", "http://u:pw-canary@127.0.0.1:1", "because the token is sent there"),
        ("METAAPI_BASE_URL", "http://127.0.0.1:1/x", "METAAPI_BASE_URL: expected a URL of this"),
        ("TELEGRAM_BOT_TOKEN", "pw-canary", "TELEGRAM_BOT_TOKEN: expected DIGITS:LETTERS"),
        ("TELEGRAM_CHAT_ID", "my chat", "TELEGRAM_CHAT_ID: expected a number or @channelname"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL: expected DEBUG or INFO"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT: expected console or json, was 'xml'"),
        ("EMAIL_URL", "imap://h", "EMAIL_URL: expected a URL that begins with smtp://"),
        ("REDIS_PREFIX", "a b", "REDIS_PREFIX: expected letters"),
        ("TRADEBOT_VAR", "/dev/null/x", "TRADEBOT_VAR: expected a directory"),
    ],
)
def test_a_wrong_value_stops_with_one_clear_line(
    load: Load, name: str, value: str, message: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        load(**{name: value})
    assert message in str(stop.value)
    assert "pw-canary" not in str(stop.value)


@pytest.mark.parametrize("missing", ["SECRET_KEY", "FIELD_KEYS"])
def test_production_mode_asks_for_the_keys(load: Load, missing: str) -> None:
    expected = rf"{missing}: expected a secret .* because DATABASE_URL is given, was not set"
    with pytest.raises(SystemExit, match=expected):
        load(**PRODUCTION | {missing: ""})


def test_a_short_secret_key_is_refused_unseen(load: Load) -> None:
    with pytest.raises(SystemExit, match="at least 50 characters") as stop:
        load(**PRODUCTION | {"SECRET_KEY": "pw-canary"})
    assert "pw-canary" not in str(stop.value)


def test_a_process_that_is_stopped_prints_one_line(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", DEBUG="maybe")
    assert done.returncode == 1
    assert done.stderr == "DEBUG: expected true or false, was 'maybe'\n"


def test_the_deploy_checks_pass_in_production_mode(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr


def manage(var: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    base = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "TRADEBOT_VAR": str(var)}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=base | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1:8765", "http://127.1.2.3/", "http://[::1]:9"])
def test_an_emulator_is_on_this_machine(load: Load, url: str) -> None:
    assert load(METAAPI_BASE_URL=url)["METAAPI_BASE_URL"] == url.rstrip("/")
