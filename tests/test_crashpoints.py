"""A process dies where a drill says, once, and nowhere without a drill."""

import os
import signal
from pathlib import Path

import pytest

from trading import crashpoints
from trading.crashpoints import POINTS, arm, crash_point


@pytest.fixture
def points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(crashpoints, "_directory", None)
    arm(str(tmp_path))
    return tmp_path


def test_the_first_that_comes_by_dies_and_the_next_goes_on(points: Path) -> None:
    (points / POINTS[0]).write_text("SIGKILL")
    child = os.fork()
    if child == 0:
        crash_point(POINTS[0])
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert (points / f"{POINTS[0]}.{child}").exists()
    crash_point(POINTS[0])


def test_without_a_directory_nothing_happens(points: Path) -> None:
    (points / POINTS[0]).write_text("SIGKILL")
    arm("")
    crash_point(POINTS[0])
    assert (points / POINTS[0]).exists()


def test_a_point_must_be_a_known_one(points: Path) -> None:
    with pytest.raises(AssertionError, match="c99"):
        crash_point("c99")
