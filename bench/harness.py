"""What every benchmark shares: a warm-up, some runs, the median, one line of JSON.

`python -m bench.<name>` prints one JSON object on its last line: `name`, `seconds` (median of the
runs), `runs`, `peak_rss_mb` of this process, and the benchmark's own figures.
"""

from __future__ import annotations

import argparse
import base64
import json
import logging
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import SplitResult, urlsplit, urlunsplit

import numpy as np
import psycopg
from psycopg import sql

Figures = Mapping[str, object]
DATABASES = ("sqlite", "postgresql")
POSTGRESQL = "postgres://postgres@127.0.0.1:5432/test"
FOREIGN = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "FIELD_KEYS",
    "EXECUTION_TIMING",
    "CRASH_POINTS",
)
"""What the user may have set and a benchmark must not follow."""


def run(name: str, work: Callable[[], Figures], *, runs: int = 5) -> dict[str, object]:
    """Call `work` once to warm up and then `runs` times; print and return the result.

    `work` returns its own figures; those of the last run are printed.
    """
    work()
    seconds = []
    figures: Figures = {}
    for _ in range(runs):
        start = time.perf_counter()
        figures = work()
        seconds.append(time.perf_counter() - start)
    return report(name, median(seconds), {"runs": runs, **figures})


def report(name: str, seconds: float, figures: Figures) -> dict[str, object]:
    """Print a result measured by other means than `run`, in the same form."""
    result: dict[str, object] = {
        "name": name,
        "seconds": round(seconds, 6),
        "peak_rss_mb": peak_rss_mb(),
        **figures,
    }
    print(json.dumps(result), flush=True)
    return result


def spread_of(seconds: Iterable[float]) -> dict[str, float]:
    """How samples are distributed, in milliseconds."""
    milliseconds = 1000 * np.array(list(seconds))
    p50, p90, p99, most = np.percentile(milliseconds, [50, 90, 99, 100])
    figures = {"p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "max_ms": most}
    return {name: round(float(value), 2) for name, value in figures.items()}


def busy() -> float:
    """Processes that want to run, mean of the last minute: what else the machine does."""
    return round(os.getloadavg()[0], 2)


def database_option(parser: argparse.ArgumentParser) -> None:
    """Let the user choose one of DATABASES."""
    parser.add_argument("--database", choices=DATABASES, default=DATABASES[0])


def peak_rss_mb() -> float:
    """Most memory this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


@contextmanager
def embedded_django() -> Iterator[Path]:
    """Django on a fresh SQLite database in a temporary directory, which is removed afterwards.

    Import models only inside; environment and .env of the user have no effect.
    """
    with _folder() as folder, _django():
        yield folder


@contextmanager
def execution_django(database: str) -> Iterator[Path]:
    """As `embedded_django` with a Valkey of its own, on `database`, one of DATABASES.

    With postgresql a new database is made on the server of TEST_DATABASE_URL and dropped at the
    end. Child processes find both in the environment.
    """
    from tradebot.embedded import valkey_socket, valkey_start, valkey_stop

    with _folder() as folder, _database(database) as given:
        server = valkey_start(folder)
        try:
            if given:
                given["REDIS_URL"] = f"unix://{valkey_socket(folder)}"
            os.environ.update(given)
            with _django(), _quiet():
                yield folder
        finally:
            if server is not None:
                valkey_stop(server)


@contextmanager
def _quiet() -> Iterator[None]:
    """Only the result is printed here; child processes log as they always do."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A worker process on the same database."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "qworker"],
        cwd=Path(__file__).resolve().parent.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _folder() -> Iterator[Path]:
    """A directory for everything that a benchmark leaves, and an environment that names it."""
    with tempfile.TemporaryDirectory(prefix="tradebot-bench-") as folder:
        for name in FOREIGN:
            os.environ.pop(name, None)
        os.environ["TRADEBOT_VAR"] = folder
        os.environ["ENV_FILE"] = os.devnull
        os.environ["DJANGO_SETTINGS_MODULE"] = "tradebot.settings"
        yield Path(folder)


@contextmanager
def _django() -> Iterator[None]:
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", verbosity=0)
    try:
        yield
    finally:
        connections.close_all()


@contextmanager
def _database(kind: str) -> Iterator[dict[str, str]]:
    """The variables of a fresh database; none for SQLite, which the settings make."""
    if kind == "sqlite":
        yield {}
        return
    server = urlsplit(os.environ.get("TEST_DATABASE_URL", POSTGRESQL))
    name = f"tradebot_bench_{os.getpid()}"
    _execute(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield {
            "DATABASE_URL": urlunsplit(server._replace(path=f"/{name}")),
            "SECRET_KEY": secrets.token_urlsafe(64),
            "FIELD_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "BACKEND_API_URL": "http://127.0.0.1:8000",
        }
    finally:
        _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(server: SplitResult, statement: sql.Composed) -> None:
    url = urlunsplit(server._replace(path="/postgres"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
