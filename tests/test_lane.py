"""The tests run on the servers they are meant to run on: no lane is skipped without a word."""

import os

from django.conf import settings
from django.db import connection

PRODUCTION = bool(os.environ.get("DATABASE_URL"))


def test_the_database_is_the_expected_one(db: None) -> None:
    expected = os.environ.get("EXPECT_DATABASE") or ("postgresql" if PRODUCTION else "sqlite")
    assert connection.vendor == expected


def test_redis_is_the_expected_one() -> None:
    assert (os.environ.get("REDIS_URL") or f"unix://{_socket()}") == settings.REDIS_URL


def _socket() -> str:
    return str(settings.VAR_DIR / "valkey.sock")
