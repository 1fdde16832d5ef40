"""The embedded server: started, reused, stopped, and never left behind."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.processes import ended
from tradebot.embedded import (
    LONGEST_SOCKET_PATH,
    valkey_alive,
    valkey_socket,
    valkey_start,
    valkey_stop,
)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = valkey_start(tmp_path)
    assert process is not None
    yield process
    valkey_stop(process)


def test_the_server_answers_on_a_private_socket(
    tmp_path: Path, valkey: subprocess.Popen[bytes]
) -> None:
    path = valkey_socket(tmp_path)
    assert valkey_alive(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_live_server_is_reused(tmp_path: Path, valkey: subprocess.Popen[bytes]) -> None:
    assert valkey_start(tmp_path) is None


def test_data_survives_a_stop(tmp_path: Path) -> None:
    for written in (None, b"1"):
        process = valkey_start(tmp_path)
        assert process is not None
        with redis.Redis.from_url(f"unix://{valkey_socket(tmp_path)}") as client:
            assert client.get("a") == written
            client.set("a", "1")
        valkey_stop(process)
    assert not valkey_alive(valkey_socket(tmp_path))


def test_a_socket_left_by_a_killed_server_is_replaced(tmp_path: Path) -> None:
    first = valkey_start(tmp_path)
    assert first is not None
    first.kill()
    first.wait()
    second = valkey_start(tmp_path)
    assert second is not None
    valkey_stop(second)


def test_a_long_directory_gets_a_short_private_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    path = valkey_socket(deep)
    assert len(os.fsencode(path)) <= LONGEST_SOCKET_PATH
    assert path != valkey_socket(deep / "other")
    process = valkey_start(deep)
    assert process is not None
    valkey_stop(process)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").write_text("in the way")
    with pytest.raises(RuntimeError, match=r"Expected the embedded Valkey to answer(.|\n)*append"):
        valkey_start(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_the_server_ends_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tradebot.embedded import valkey_start; "
        "print(valkey_start(Path(sys.argv[1])).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert ended(pid), "Expected the server to end with its parent"
