"""A database, a Valkey and a directory of the drill's own, made for it and removed after it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management.utils import get_random_secret_key
from psycopg import sql

from tradebot.embedded import valkey_socket, valkey_start, valkey_stop

TIMING: Mapping[str, float] = {
    "call_deadline": 1.0,
    "lease_ttl": 2.5,
    "lease_renew": 0.5,
    "status_age": 2.0,
    "horizon": 3.5,
    "reread": 0.5,
    "verify_first": 0.3,
    "verify_last": 1.5,
    "signal": 5.0,
    "reconcile": 1.0,
    "reconcile_doubt": 0.25,
}
"""Everything that a person would wait minutes for, in seconds."""
WITHHELD = frozenset(
    {
        *("DATABASE_URL", "REDIS_URL", "METAAPI_BASE_URL", "METAAPI_TOKEN", "MT_ACCOUNT_ID"),
        *("TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"),
    }
)
"""What would lead a drill to somebody's own database, account or telephone."""


@contextmanager
def scratch(database_url: str, within: Path | None = None) -> Iterator[dict[str, str]]:
    """The environment of everything in the drill; `database_url` empty means SQLite.

    The given database is not touched: a new one is made beside it on the same server. The
    directory is made in `within`, by default among the temporary ones.
    """
    with tempfile.TemporaryDirectory(prefix="tradebot-drill-", dir=within) as name:
        folder = Path(name)
        with _database(database_url) as url:
            valkey = valkey_start(folder)
            try:
                yield _environment(folder, url)
            finally:
                if valkey is not None:
                    valkey_stop(valkey)


def _environment(folder: Path, url: str) -> dict[str, str]:
    (folder / "points").mkdir()
    kept = {n: v for n, v in os.environ.items() if n not in WITHHELD}
    timing = ", ".join(f"{name}={value}" for name, value in TIMING.items())
    return {
        **kept,
        "DATABASE_URL": url,
        "REDIS_URL": f"unix://{valkey_socket(folder)}",
        "REDIS_PREFIX": "drill",
        "TRADEBOT_VAR": str(folder),
        "ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "tradebot.settings",
        "SECRET_KEY": get_random_secret_key() * 2,
        "FIELD_KEYS": "ZHJpbGwtZHJpbGwtZHJpbGwtZHJpbGwtZHJpbGwtISE=",
        "BACKEND_API_URL": "http://127.0.0.1:8000",
        "EXECUTION_TIMING": timing,
        "DISK_RESERVE_MB": "0",  # the drills ask what happens once the disk is full indeed
        "CRASH_POINTS": str(folder / "points"),
        "LOG_FORMAT": "console",
        "LOG_LEVEL": "INFO",
    }


@contextmanager
def _database(url: str) -> Iterator[str]:
    """A new PostgreSQL database on the server of `url`, dropped at the end; SQLite needs none."""
    if not url:
        yield ""
        return
    name = f"tradebot_drill_{os.getpid()}"
    _execute(url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        _execute(url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(url: str, statement: sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
