"""The command: what it prints, and how it says no."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.bars import random_bars
from tests.services.test_history import export
from trading.models import HistoryImport

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "EURUSD60.csv"
    path.write_bytes(export(random_bars(100)))
    return path


def importcandles(file: Path, *options: str) -> str:
    out = StringIO()
    command = ["importcandles", str(file), "--symbol", "EURUSD", "--timeframe", "H1", *options]
    call_command(*command, stdout=out)
    return out.getvalue()


def test_the_report_is_for_a_person(file: Path) -> None:
    text = importcandles(file, "--verify")
    assert "EURUSD60.csv -> history:EURUSD H1: 100 bars, 2024-01-01T00:00Z" in text
    assert "100 added, 0 identical, 0 revised" in text
    assert "tick size 0.00001, contract size 100000 EUR, profit in USD: assumed" in text
    assert "100 bars read back" in text


def test_a_repetition_is_said(file: Path) -> None:
    importcandles(file)
    assert "(nothing changed)" in importcandles(file)


def test_the_report_is_json_when_asked(file: Path) -> None:
    report = json.loads(importcandles(file, "--json", "--timezone", "Europe/Athens"))
    assert report == HistoryImport.objects.get().report
    assert report["timezone"] == "Europe/Athens"


def test_options_describe_a_new_symbol(file: Path) -> None:
    text = importcandles(
        file, "--tick-size", "0.01", "--contract-size", "5", "--base", "abc", "--profit", "def"
    )
    assert "tick size 0.01, contract size 5 ABC, profit in DEF" in text


def test_a_bad_file_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("time,open,high,low,close\n2024-01-01 00:00,1,2,1,x\n")
    with pytest.raises(
        CommandError, match=r"bad\.csv: line 2: expected a number as close, was 'x'"
    ):
        importcandles(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none\.csv: No such file"):
        importcandles(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("option", "message"),
    [(["--tick-size", "x"], "expected a number, was 'x'"), (["--timezone", "Mars"], "Mars")],
)
def test_a_bad_option_is_said(file: Path, option: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        importcandles(file, *option)
