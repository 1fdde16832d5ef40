"""Holding a drill in a test, and what must be zero after every one."""

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
import pytest

from tradebot.drill.plan import Plan
from tradebot.drill.runner import drill_hold
from tradebot.drill.unobtainable import Unobtainable

T = TypeVar("T")
DATABASES = ("sqlite", "postgresql")
ZEROS = (
    "duplicates",
    "unbound_positions",
    "unresolved_orders",
    "false_fills",
    "missing_events",
    "broken_invariants",
)


def held(plan: Plan, database_url: str = "") -> dict[str, Any]:
    """The result of a drill without faults; a line of its figures for whoever reads the output."""
    result = obtained(lambda: drill_hold(plan, database_url))
    sys.stdout.write(f"\n{figures(result)}\n")
    assert {name: result[name] for name in ZEROS} == dict.fromkeys(ZEROS, 0), result
    return result


def obtained(make: Callable[[], T]) -> T:
    """What `make` gives; skips where this machine cannot give it, fails where it must."""
    try:
        return make()
    except Unobtainable as e:
        if e.needs_postgres and "REQUIRE_POSTGRES" in os.environ:
            pytest.fail(str(e))
        pytest.skip(str(e))


def url_of(database: str) -> str:
    """Where a drill makes its database of this sort, as `drill_hold` wants it."""
    return obtained(server_url) if database == "postgresql" else ""


def server_url() -> str:
    """The PostgreSQL server beside which a drill makes its database."""
    url = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/test")
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as e:
        raise Unobtainable(f"Expected PostgreSQL to answer, was: {e}", needs_postgres=True) from e
    return url


def figures(result: dict[str, Any]) -> str:
    """The result without what is too long to print."""
    shown = {name: value for name, value in result.items() if name != "logs"}
    return ", ".join(f"{name} {value}" for name, value in shown.items())
