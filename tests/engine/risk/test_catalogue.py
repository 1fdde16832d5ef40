"""The documentation says of every control what the catalogue says."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from trading.engine.risk import SPECS, Control

DOCUMENT = Path(__file__).parents[3] / "docs" / "risk.md"


def listed(words: Iterable[str]) -> str:
    return ", ".join(str(word).lower().replace("_", " ") for word in words)


def documented(control: Control) -> str:
    """The row of a control as it shall stand there."""
    spec = control.spec
    window = f"; {spec.window} s" if spec.window else ""
    cells = (
        control.value,
        spec.catalogue,
        spec.rule.replace("|", "&#124;") + window,
        listed(spec.units),
        listed(spec.scopes),
        spec.wins.lower(),
        listed(spec.actions),
        spec.code,
    )
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("control", list(Control))
def test_each_control_has_its_row(control: Control) -> None:
    assert documented(control) in DOCUMENT.read_text().splitlines()


def test_no_control_is_documented_that_is_not_there() -> None:
    codes = {spec.code for spec in SPECS.values()}
    rows = [line.split(" | ") for line in DOCUMENT.read_text().splitlines()]
    table = [cells for cells in rows if len(cells) == 8 and cells[1] != "catalogue"]
    found = {cells[-1].rstrip(" |") for cells in table} - {"---"}
    assert found == codes
