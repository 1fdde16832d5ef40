"""The supervisor with small real programs: output, restarts, order of the stop."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.processes import ended
from tradebot import supervisor as module
from tradebot.supervisor import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    STEADY_SECONDS,
    Program,
    Supervisor,
    pause_before_restart,
)


class Runs:
    """A supervisor that remembers what was written."""

    def __init__(self, directory: Path) -> None:
        self.lines: list[tuple[str, str]] = []
        self.trace = directory / "trace"
        self.trace.touch()
        self.supervisor = Supervisor(directory, lambda name, line: self.lines.append((name, line)))

    def sh(self, name: str, script: str, *, foundation: bool = False) -> int:
        program = Program(name, ["sh", "-c", script], {"ME": name}, foundation=foundation)
        return self.supervisor.start(program).process.pid

    def until(self, name: str, line: str) -> bool:
        return self.supervisor.run(until=lambda: (name, line) in self.lines, seconds=20)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    runs = Runs(tmp_path)
    yield runs
    runs.supervisor.stop()
    assert all(ended(child.process.pid) for child in runs.supervisor.children)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)


OBEDIENT = "trap 'echo $ME >> trace; exit' TERM; echo ready; while :; do sleep 0.02; done"


def test_lines_carry_the_name_of_their_program(runs: Runs) -> None:
    runs.sh("a", "echo one; echo two >&2; printf 'no newline'; exec sleep 60")
    runs.sh("b", "printf 'an end without newline'")
    assert runs.until("b", "an end without newline")
    assert runs.until("a", "two")
    assert [line for line in runs.lines if line[0] == "a"] == [("a", "one"), ("a", "two")]


def test_undecodable_output_is_shown_replaced(runs: Runs) -> None:
    runs.sh("a", r"printf '\377\n'; exec sleep 60")
    assert runs.until("a", "\ufffd")


def test_a_program_that_ends_is_started_again(runs: Runs, impatient: None) -> None:
    runs.sh("a", "echo run >> trace; exit 3")
    twice = lambda: runs.trace.read_text().count("run") >= 2  # noqa: E731
    assert runs.supervisor.run(until=twice, seconds=20)
    assert ("a", "exited with 3, starts again in 0.01 s") in runs.lines


def test_what_a_dead_program_left_is_ended_before_the_restart(runs: Runs) -> None:
    runs.sh("a", "sleep 60 & echo $!; exit 1")
    assert runs.supervisor.run(until=lambda: len(runs.lines) >= 2, seconds=20)
    assert ended(int(runs.lines[0][1]))


def test_programs_stop_in_reverse_order_and_foundations_last(runs: Runs) -> None:
    for name in "abc":
        runs.sh(name, OBEDIENT, foundation=name == "a")
        assert runs.until(name, "ready")
    runs.supervisor.stop()
    assert runs.trace.read_text().split() == ["c", "b", "a"]


def test_a_program_that_will_not_stop_is_killed(runs: Runs, impatient: None) -> None:
    pid = runs.sh("a", "trap '' TERM; echo ready; while :; do sleep 0.02; done")
    assert runs.until("a", "ready")
    runs.supervisor.stop()
    assert ended(pid)
    assert runs.lines[-1] == ("a", "killed, it did not stop within 0.3 s")


def test_the_last_words_of_a_program_are_heard(runs: Runs) -> None:
    runs.sh("a", "trap 'echo goodbye; exit' TERM; echo ready; while :; do sleep 0.02; done")
    assert runs.until("a", "ready")
    runs.supervisor.stop()
    assert runs.lines[-1] == ("a", "goodbye")


def test_run_says_when_the_time_is_over(runs: Runs) -> None:
    runs.sh("a", "exec sleep 60")
    assert not runs.supervisor.run(until=lambda: False, seconds=0.05)


def test_pauses_double_up_to_a_limit_and_forget_after_a_steady_run() -> None:
    pauses = [0.0]
    for _ in range(10):
        pauses.append(pause_before_restart(ran=1.0, last_pause=pauses[-1]))
    assert pauses[1:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert pause_before_restart(ran=STEADY_SECONDS, last_pause=LONGEST_PAUSE) == FIRST_PAUSE


KILLED = """
from pathlib import Path
from tradebot.supervisor import Program, Supervisor
supervisor = Supervisor(Path.cwd(), lambda name, line: print(line, flush=True))
supervisor.start(Program("a", ["sh", "-c", "echo $$; exec sleep 60"]))
supervisor.run(until=lambda: False)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_children_end_with_a_killed_supervisor() -> None:
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    assert ended(pid)
