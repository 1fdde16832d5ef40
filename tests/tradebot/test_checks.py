"""The system checks refuse wirings that would lose or double work."""

import pytest
from django.conf import LazySettings
from django.core.checks import CheckMessage

from tradebot import checks


def ids(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


def test_the_shipped_settings_pass() -> None:
    assert checks.task_queue(None) + checks.keys(None) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"retry": 360, "timeout": 120}, ["tradebot.E001"]),
        ({"retry": 361, "timeout": 120}, []),
        ({"orm": None}, ["tradebot.E002"]),
    ],
)
def test_queue_settings(
    settings: LazySettings, changes: dict[str, object], expected: list[str]
) -> None:
    settings.Q_CLUSTER = settings.Q_CLUSTER | changes
    assert ids(checks.task_queue(None)) == expected


def test_one_key_for_two_purposes_is_refused(settings: LazySettings) -> None:
    settings.SECRET_KEY = settings.FIELD_KEYS[0]
    assert ids(checks.keys(None)) == ["tradebot.E003"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache.example.com:6379", ["tradebot.W002"]),
        ("rediss://:password@cache.example.com:6379", []),
        ("redis://127.0.0.1:6379/0", []),
        ("unix:///run/valkey.sock", []),
    ],
)
def test_a_redis_on_a_network_needs_a_password(
    settings: LazySettings, url: str, expected: list[str]
) -> None:
    settings.EMBEDDED_VALKEY = False
    settings.REDIS_URL = url
    assert ids(checks.redis(None)) == expected


def test_production_without_redis_is_warned_of(settings: LazySettings) -> None:
    settings.EMBEDDED, settings.EMBEDDED_VALKEY = False, True
    assert ids(checks.redis(None)) == ["tradebot.W001"]
