"""Child processes that do not outlive their parent.

`tied(command)` puts this file, run as a script, in front of the command: it asks the kernel for
a SIGTERM at the parent's death and then becomes the command. Nothing runs between fork and exec
of the parent, so a parent with threads (NumPy starts some) may call it safely. The kernel looks
at the parent *thread*: start children from the main thread only.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tied(command: Sequence[str]) -> list[str]:
    """The command to spawn so that the child is ended with SIGTERM when this process dies.

    Linux only; elsewhere the command comes back unchanged and only a clean stop ends the child.
    """
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def tie_to_parent(parent: int, *, death_signal: int = signal.SIGTERM) -> None:
    """Ask the kernel to send `death_signal` to this process when `parent` dies (Linux only)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:  # it died before the kernel knew
        os.kill(os.getpid(), death_signal)


def tie_forks() -> None:
    """From here on, no process forked by this one or by its descendants outlives its parent.

    They may ignore SIGTERM, so the kernel sends SIGKILL (Linux only). For `multiprocessing`;
    children made by `subprocess` are not concerned.
    """
    parent = [os.getpid()]

    def remember() -> None:
        parent[0] = os.getpid()

    os.register_at_fork(
        before=remember,
        after_in_child=lambda: tie_to_parent(parent[0], death_signal=signal.SIGKILL),
    )


def main(arguments: Sequence[str]) -> None:
    """Become the command after tying this process to its parent: `PARENT COMMAND ...`."""
    parent, *command = arguments
    tie_to_parent(int(parent))
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
