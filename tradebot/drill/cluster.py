"""A PostgreSQL server of the drill's own, which may be stopped without harm to anybody else."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tradebot.drill.unobtainable import Unobtainable

INSTALLED = Path("/usr/lib/postgresql")
SYSTEM_USER = "postgres"
WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server with its data in `folder`, which also holds its port."""

    folder: Path

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1 only."""
        return int((self.folder / "port").read_text())

    @property
    def url(self) -> str:
        """Of its database `postgres`; everybody on this machine is trusted."""
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        # -F: only the server dies, not the machine, so what it wrote is there without fsync.
        options = (
            f"-F -p {self.port} -k {self.folder} "
            "-c listen_addresses=127.0.0.1 -c track_commit_timestamp=on"
        )
        self._control("start", "-l", str(self.folder / "log"), "-o", options)

    def stop(self) -> None:
        """Stop it as if the power had failed: no goodbye, nothing flushed."""
        self._control("stop", "-m", "immediate")

    def _control(self, *what: str) -> None:
        data = str(self.folder / "data")
        _run("pg_ctl", "-D", data, "-w", "-t", str(WAIT_SECONDS), *what)


@contextmanager
def private_cluster() -> Iterator[Cluster]:
    """A running server in a temporary directory; raises Unobtainable where there is none."""
    _program("initdb")
    with tempfile.TemporaryDirectory(prefix="tradebot-pg-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, SYSTEM_USER)
        cluster = Cluster(folder)
        (folder / "port").write_text(str(_free_port()))
        _run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "--no-sync")
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


def _run(program: str, *arguments: str) -> None:
    """Run one of the server's programs as a user it accepts, for it refuses root."""
    command = [_program(program), *arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", SYSTEM_USER, "--", *command]
    # The server would inherit a pipe and keep it open.
    subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, check=True)  # noqa: S603


def _program(name: str) -> str:
    """The newest installed program of this name."""
    found = shutil.which(name)
    versions = sorted(INSTALLED.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    if versions:
        return str(versions[-1])
    if found is None:
        message = f"Expected PostgreSQL's {name} in {INSTALLED} or PATH, was none"
        raise Unobtainable(message, needs_postgres=True)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
