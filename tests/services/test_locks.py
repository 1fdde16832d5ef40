"""File locks: one holder, freed by death however it comes, not kept by forked children."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.conftest import ROOT
from tests.processes import ended, running, wait_for
from trading.services.clock import boot_id
from trading.services.locks import OwnerLock, host_identity, host_token

SETUP = """
import os, pathlib, sys, time
import django
from django.conf import settings
django.setup()
settings.VAR_DIR = pathlib.Path(sys.argv[1])
from trading.services.locks import OwnerLock
lock = OwnerLock("a")
assert lock.acquire()
"""
FORK = """
child = os.fork()
os.write(1, f"{child or lock.is_held}\\n".encode())  # whole lines from both
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _own_directory(settings: LazySettings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"


@contextmanager
def holder(var: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock "a" and goes on with `script`."""
    process = subprocess.Popen(
        [sys.executable, "-c", SETUP + script, str(var)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def taken(name: str = "a") -> bool:
    lock = OwnerLock(name)
    got = lock.acquire()
    lock.release()
    return not got


def test_a_lock_has_one_holder_until_it_lets_go() -> None:
    first, second = OwnerLock("a"), OwnerLock("a")
    assert first.acquire()
    assert not second.acquire() and not first.acquire()
    assert not taken("b")
    first.release()
    assert second.acquire()
    second.release()
    second.release()


def test_a_forked_child_that_outlives_its_parent_keeps_no_lock(settings: LazySettings) -> None:
    with holder(settings.VAR_DIR, FORK) as parent:
        assert parent.stdout is not None
        said = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
        child = int((said - {"False"}).pop())
        try:
            assert taken()
            parent.send_signal(signal.SIGKILL)
            parent.wait()
            assert running(child)
            assert wait_for(lambda: not taken(), seconds=2)
        finally:
            os.kill(child, signal.SIGKILL)
    assert ended(child)


def test_a_child_that_becomes_another_program_keeps_no_lock(settings: LazySettings) -> None:
    script = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)\n"
    with holder(settings.VAR_DIR, script + "time.sleep(60)") as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert running(child)
        assert wait_for(lambda: not taken(), seconds=2)
        os.kill(child, signal.SIGKILL)


def test_a_fork_that_ends_leaves_the_lock_with_its_parent(settings: LazySettings) -> None:
    script = "os.fork() or os._exit(0)\nos.wait()\nprint('done', flush=True)\ntime.sleep(60)"
    with holder(settings.VAR_DIR, script) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "done\n"
        assert taken()


def test_an_identity_stays_and_names_the_boot() -> None:
    assert host_identity() == host_identity()
    assert host_identity().startswith(f"{boot_id()}/")
    assert len(host_identity()) <= 120


def test_a_copied_directory_is_another_host_with_the_same_token(settings: LazySettings) -> None:
    here = host_identity()
    shutil.copytree(settings.VAR_DIR, settings.VAR_DIR.with_name("copy"))
    settings.VAR_DIR = settings.VAR_DIR.with_name("copy")
    assert host_identity() != here
    assert host_token(host_identity()) == host_token(here)


def test_another_directory_has_another_token(settings: LazySettings) -> None:
    here = host_token(host_identity())
    settings.VAR_DIR = settings.VAR_DIR.with_name("other")
    assert len(here) == 32
    assert host_token(host_identity()) not in ("", here)
