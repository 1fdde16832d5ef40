"""The benchmarks of order execution run, small, and give the figures they promise."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("command", "figures"),
    [
        ("gate --orders 3", ("p50_ms", "p99_ms", "max_ms", "result_ms")),
        ("burst --accounts 2 --symbols 2 --bars 1", ("entries_per_s", "cpu_seconds", "p90_ms")),
        ("latency --orders 2", ("p50_ms", "decide_ms", "send_ms")),
        ("guard --samples 2 --positions 4", ("p50_ms", "p99_ms", "all_ms")),
    ],
)
def test_it_runs_and_leaves_nothing(command: str, figures: tuple[str, ...], tmp_path: Path) -> None:
    words = [sys.executable, "-m", *f"bench.{command} --database {connection.vendor}".split()]
    server = {k: os.environ[v] for k, v in SERVER.items() if v in os.environ}
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), **server}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["name"], result["database"]) == (command.split()[0], connection.vendor)
    assert all(result[name] > 0 for name in figures)
    assert not list(tmp_path.glob("tradebot-bench-*"))


SERVER = {"TEST_DATABASE_URL": "DATABASE_URL"}
"""Where a benchmark makes its database: on the server of these tests."""
