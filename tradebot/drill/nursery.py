"""A process that has everything imported and forks the platform's processes on demand.

A gateway or a worker started anew takes seconds to import; forked from here it takes milliseconds,
and a drill kills thousands. What runs in the child is the same management command.

Protocol, JSON lines: `["gateway"]` on its standard input forks that command, `["module:function",
"argument"]` that function; it answers `{"pid": N}`, and tells `{"ended": N, "status": S}` of every
child.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

WARM = (
    "trading.gateway.supervisor",
    "trading.tasks",
    "tradebot.management.commands.qworker",
    "trading.management.commands.gateway",
    "trading.management.commands.kill",
    "tradebot.drill.errands",
)
POLL_SECONDS = 0.02


def main() -> None:
    """Import, then fork whatever is asked for until the input ends; then end all children."""
    import django

    django.setup()
    for module in WARM:
        import_module(module)
    children: set[int] = set()
    while True:
        _reap(children)
        if not select.select([sys.stdin], [], [], POLL_SECONDS)[0]:
            continue
        line = sys.stdin.readline()
        if not line:
            break
        pid = _fork(json.loads(line))
        children.add(pid)
        _say(pid=pid)
    for pid in children:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _fork(command: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        _become(command)
    except SystemExit as e:
        os._exit(e.code if isinstance(e.code, int) else 1)
    except BaseException:  # noqa: BLE001  whatever it was, the child must not go on as a nursery
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _become(command: list[str]) -> None:
    """Leave everything of the nursery behind and run the command."""
    from django.core.management import execute_from_command_line

    os.setsid()
    module, colon, function = command[0].partition(":")
    log = Path(os.environ["TRADEBOT_VAR"]) / f"{function or module}.log"
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    if colon:
        getattr(import_module(module), function)(*command[1:])
        return
    sys.argv = ["manage.py", *command]
    execute_from_command_line(sys.argv)


def _reap(children: set[int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        children.discard(pid)
        _say(ended=pid, status=status)


def _say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
