"""The benchmark of the walk-forward runs, small."""

import json

import pytest

from bench import walkforward


def test_it_walks_and_reports(capsys: pytest.CaptureFixture[str]) -> None:
    walkforward.main(["--bars", "4000", "--windows", "3", "--combos", "2", "--workers", "1"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["name"], result["windows"], result["combos"]) == ("walkforward", 3, 2)
    assert result["runs_per_s"] > 0
    assert result["trades"] > 0
