"""File locks as proof of death: the kernel frees the lock of a process that is gone.

A lock that can be taken says that its last owner has ended or let go, however it died. A stopped
process keeps its lock. Files in VAR_DIR/leases are never deleted: a lock on a deleted file proves
nothing to those who open its successor.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path
from threading import Lock

from django.conf import settings

from trading.services.clock import boot_id


class OwnerLock:
    """An exclusive lock on VAR_DIR/leases/<name>.lock, held until `release` or death."""

    def __init__(self, name: str) -> None:
        self.path = _directory() / f"{name}.lock"
        self._fd: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process holds it; never true in a forked child."""
        return self._fd is not None

    def acquire(self) -> bool:
        """Take it without waiting; False while anybody holds it, this process included."""
        if self.is_held:
            return False
        with _forking:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)  # closed by an exec
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                return False
            except OSError:
                os.close(fd)
                raise
            self._fd = fd
            _held.add(self)
        return True

    def release(self) -> None:
        """Free it; nothing happens when it is not held."""
        with _forking:
            if self._fd is None:
                return
            fcntl.flock(self._fd, fcntl.LOCK_UN)  # at once, even while a child is about to exec
            self._drop()

    def _drop(self) -> None:
        """Close the file without unlocking what a parent may still hold."""
        assert self._fd is not None
        os.close(self._fd)
        self._fd = None
        _held.discard(self)


_forking = Lock()
_held: set[OwnerLock] = set()


def _forget() -> None:
    """A forked child shares its parent's locks and would keep them after the parent's death."""
    for lock in list(_held):
        lock._drop()
    _forking.release()


os.register_at_fork(
    before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_forget
)


def host_identity() -> str:
    """Where the file locks of this process mean something: boot id/token:device:inode.

    Equal only for processes that see the same files under the same kernel. Two containers on one
    machine have one boot id, and a copied directory has one token, but no two files are one inode.
    """
    token = _directory() / "token"
    if not token.exists():
        _write_once(token, secrets.token_hex(16))
    with token.open() as file:
        found = os.fstat(file.fileno())
        return f"{boot_id()}/{file.read().strip()}:{found.st_dev:x}:{found.st_ino:x}"


def host_token(host: str) -> str:
    """The part of an identity that stays when the machine boots or the directory moves."""
    return host.partition("/")[2].partition(":")[0]


def _directory() -> Path:
    directory = Path(settings.VAR_DIR) / "leases"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def _write_once(path: Path, text: str) -> None:
    """The file appears complete or not at all, and the first of two writers wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with draft.open("x") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
