"""The form every benchmark's result has."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.harness import run
from tests.conftest import ROOT


def test_a_result_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[int] = []

    def work() -> dict[str, object]:
        calls.append(len(calls))
        return {"calls": len(calls)}

    result = run("example", work, runs=3)
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == result
    assert calls == [0, 1, 2, 3]  # a warm-up and three runs
    assert list(result) == ["name", "seconds", "peak_rss_mb", "runs", "calls"]
    assert (result["name"], result["runs"], result["calls"]) == ("example", 3, 4)


def test_the_history_benchmark_runs_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.history", "--bars", "3000"]
    done = subprocess.run(
        command, cwd=ROOT, env={"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["name"], result["bars"], result["runs"]) == ("history", 3000, 5)
    assert list(tmp_path.iterdir()) == []
