"""Holding a drill from anywhere: its scratch world is made, used by a conductor, and removed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tradebot.drill.cluster import private_cluster
from tradebot.drill.crew import ROOT, emulator_expect
from tradebot.drill.disk import small_disk
from tradebot.drill.plan import METAAPI, Plan
from tradebot.drill.scratch import scratch

LONGEST_SECONDS = 3600.0
"""For the drill of a release; nothing in it waits for longer than a minute without progress."""


class DrillFailed(Exception):
    """The drill did not come to a result."""


def drill_hold(plan: Plan, database_url: str = "") -> dict[str, Any]:
    """The result of the plan's scenario, as `tradebot.drill.reports.report` says.

    On SQLite, or on a new database of the server of `database_url`; the scenario "database", and
    "switch" unless on SQLite, have a server of their own, "disk" has a disk. Raises Unobtainable
    where the machine has not what that needs, DrillFailed when there is no result.
    """
    if plan.broker == METAAPI:
        emulator_expect()
    with _world(plan, database_url) as (ready, environment):
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "tradebot.drill.conductor", ready.to_json()],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise DrillFailed(f"Expected a result, was exit {done.returncode}; seed {plan.seed}")
    result: dict[str, Any] = json.loads(lines[-1])
    return result


@contextmanager
def _world(plan: Plan, database_url: str) -> Iterator[tuple[Plan, dict[str, str]]]:
    if plan.scenario == "database" or (plan.scenario == "switch" and database_url):
        with private_cluster() as cluster, scratch(cluster.url) as environment:
            yield replace(plan, cluster=str(cluster.folder)), environment
    elif plan.scenario == "disk":
        with small_disk() as folder, scratch("", folder) as environment:
            yield plan, environment
    else:
        with scratch(database_url) as environment:
            yield plan, environment
