"""The benchmark of the limits judges as many as it says, and lets its order pass."""

import json
from argparse import Namespace

import pytest

from bench import risk_gate


@pytest.mark.parametrize("limits", [40, 120])
def test_it_judges_all_limits(limits: int, capsys: pytest.CaptureFixture[str]) -> None:
    risk_gate.measure(Namespace(limits=limits, positions=50, symbols=5, orders=2))
    result = json.loads(capsys.readouterr().out)
    assert (result["name"], result["positions"], result["runs"]) == ("risk_gate", 50, 2)
    assert result["limits"] >= limits
    assert result["cpu_p99_ms"] > 0
