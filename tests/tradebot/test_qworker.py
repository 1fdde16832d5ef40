"""qworker, as real processes on the real queue: signals and sudden deaths."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django_q.models import OrmQ, Success
from django_q.tasks import async_task

from tests.conftest import ROOT
from tests.processes import descendants, ended, wait_for

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="looks at processes through /proc"
)
TASKS = "tests.tradebot.queue_tasks"
SIZE = 6  # main, sentinel, two workers, monitor, pusher


class Worker:
    """A qworker in a process group of its own."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env | {"DJANGO_SETTINGS_MODULE": "tests.tradebot.queue_settings"}
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "qworker", "--grace", "8", "--standstill", "3"],
            cwd=ROOT,
            env=self.env,
            start_new_session=True,
        )
        assert wait_for(lambda: len(self.pids()) == SIZE)
        self.seen = self.pids()

    def pids(self) -> list[int]:
        return descendants(self.process.pid)

    def workers(self) -> list[int]:
        """The forks of the sentinel in their order: two workers, then monitor and pusher."""
        return self.pids()[2:4]


@pytest.fixture
def worker(child_env: dict[str, str]) -> Iterator[Worker]:
    worker = Worker(child_env)
    yield worker
    if worker.process.poll() is None:
        worker.process.kill()
        worker.process.wait()
    assert all(ended(pid) for pid in worker.seen), "Expected no process left behind"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace"
    path.touch()
    return path


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_group_lets_the_task_in_flight_finish(
    worker: Worker, trace: Path, stop: int
) -> None:
    async_task(f"{TASKS}.slow", str(trace), 0.6)
    assert wait_for(lambda: "begin" in trace.read_text())
    os.killpg(worker.process.pid, stop)
    assert worker.process.wait(10) == 0
    assert trace.read_text().endswith("end\n")
    assert (Success.objects.count(), OrmQ.objects.count()) == (1, 0)


def test_a_killed_idle_worker_ends_all_and_a_restart_finishes_the_tasks(
    worker: Worker, trace: Path
) -> None:
    os.kill(worker.workers()[0], signal.SIGKILL)
    for number in range(6):
        async_task(f"{TASKS}.note", str(trace), str(number))
    assert worker.process.wait(20) == 70
    assert all(ended(pid) for pid in worker.seen)
    worker.start()
    assert wait_for(lambda: Success.objects.count() == 6)
    assert sorted(set(trace.read_text().split())) == list("012345")


@pytest.mark.parametrize("position", [1, 4], ids=["sentinel", "monitor"])
def test_the_death_of_another_process_is_noticed(worker: Worker, position: int) -> None:
    os.kill(worker.pids()[position], signal.SIGKILL)
    assert worker.process.wait(20) == 70


def test_a_guard_that_stands_still_is_noticed(worker: Worker) -> None:
    os.kill(worker.pids()[1], signal.SIGSTOP)
    assert worker.process.wait(20) == 70


def test_a_killed_main_process_leaves_nothing_behind(worker: Worker, trace: Path) -> None:
    async_task(f"{TASKS}.slow", str(trace), 0.9)
    assert wait_for(lambda: "begin" in trace.read_text())
    worker.process.kill()
    assert all(ended(pid) for pid in worker.seen)


def test_a_task_past_its_time_limit_fails_and_the_next_one_runs(
    worker: Worker, trace: Path
) -> None:
    async_task(f"{TASKS}.slow", str(trace), 30)
    async_task(f"{TASKS}.note", str(trace), "next")
    assert wait_for(lambda: OrmQ.objects.count() == 0)
    assert "next" in trace.read_text() and "end" not in trace.read_text()
    assert worker.process.poll() is None
