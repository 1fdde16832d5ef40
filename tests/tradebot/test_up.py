"""The whole platform in one command, as real processes: start, stop, restart, refusals."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.processes import descendants, ended, wait_for

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="looks at processes through /proc"
)
STOP_SECONDS = 10
PROCESSES = 6  # up itself, Valkey, web, worker, gateway, notifier


class Up:
    """A run of the platform in a process group of its own, on a directory that is kept."""

    def __init__(self, directory: Path) -> None:
        self.var = directory / "var"
        self.log = directory / "log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.env = {
            "PATH": os.environ["PATH"],
            "ENV_FILE": os.devnull,
            "TRADEBOT_VAR": str(self.var),
        }

    def start(self, *command: str) -> None:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(lambda: self.ready() or self.process.poll() is not None, seconds=60)
        self.pids = descendants(self.process.pid)
        assert self.ready(), self.text()

    def ready(self) -> bool:
        return "Ctrl-C" in self.text()

    def text(self) -> str:
        return self.log.read_text()

    def password(self) -> str | None:
        found = re.search(r"user admin, password (\S+)", self.text())
        return found[1] if found else None

    def clean(self) -> bool:
        return all(ended(pid) for pid in self.pids)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    up = Up(tmp_path)
    yield up
    if up.process.poll() is None:
        up.process.kill()
        up.process.wait()
    assert up.clean()


def command(up: Up, *options: str) -> list[str]:
    return [sys.executable, "manage.py", "up", "--port", str(up.port), *options]


def test_make_run_starts_all_and_a_signal_to_the_group_stops_all(up: Up) -> None:
    binaries = f"BIN={Path(sys.executable).parent}"
    up.start("make", "-o", ".venv/.installed", "run", f"PORT={up.port}", binaries)
    assert len(up.pids) >= 1 + PROCESSES
    with urllib.request.urlopen(f"http://127.0.0.1:{up.port}/healthz", timeout=10) as answer:
        assert answer.status == 200
    assert up.password()
    second = subprocess.run(
        command(up), cwd=ROOT, env=up.env, capture_output=True, text=True, check=False
    )
    assert "was in use by process" in second.stderr
    os.killpg(up.process.pid, signal.SIGTERM)
    up.process.wait(STOP_SECONDS)
    assert up.clean()
    assert up.text().rstrip().endswith("stopped")
    assert "killed" not in up.text()


def test_a_killed_run_leaves_nothing_and_the_next_one_goes_on(up: Up) -> None:
    up.start(*command(up, "--no-demo"))
    assert up.password()
    assert "demo" not in up.text()
    up.process.kill()
    assert up.clean()
    up.process.wait()
    up.start(*command(up, "--no-demo"))
    assert up.password() is None
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(STOP_SECONDS) == 0


def test_a_busy_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    up = Up(tmp_path)
    with socket.create_server(("127.0.0.1", up.port)):
        done = subprocess.run(
            command(up), cwd=ROOT, env=up.env, capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert f"Expected port {up.port} of 127.0.0.1 to be free" in done.stderr
    assert f"make run PORT={up.port + 1}" in done.stderr
    assert not (up.var / "valkey.log").exists() and not (up.var / "tradebot.sqlite3").exists()
