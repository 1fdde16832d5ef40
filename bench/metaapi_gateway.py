"""What a gateway of many MetaApi accounts costs, and how fast it sees a dead link and recovers.

`python -m bench.metaapi_gateway [--accounts 50] [--seconds 30] [--database sqlite|postgresql]`

A real gateway process with the real SDK; every account hears five quotes a second. Once all are
READY, its processor time and memory are taken over `--seconds`. Then

* all links go silent, sockets open (`detect`): until an account may no longer trade;
* they speak again (`heal`): until it may trade;
* all sockets are dropped (`lost`) and nobody is let in for a while: until an account may trade once
  the server lets the gateway in again (`reconnect`).

Moments are those at which the account's lease lets entries pass or does not, looked at every 50 ms.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.harness import busy, database_option, execution_django, report, spread_of
from tests.metaapi_emulator.running import EmulatorSite, emulator_process
from trading.engine.bars import Bar, bars_of

if TYPE_CHECKING:
    from trading.models import Connection, Symbol

ROOT = Path(__file__).resolve().parent.parent
SYMBOLS = ("EURUSD", "GBPUSD", "XAUUSD", "USDJPY")
SPEED = "1.25"
"""The emulator has four symbols: as many quotes as of five, each once a second."""
UP_SECONDS = 300.0
LINK_SECONDS = 90.0
LOOK_SECONDS = 0.05
SETTLE_SECONDS = 5.0
STORM_SECONDS = 10.0
"""Sockets are refused for so long, so that every account is seen without its link."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    database_option(parser)
    options = parser.parse_args()
    with emulator_process("--speed", SPEED) as site:
        os.environ["METAAPI_BASE_URL"] = site.url
        with execution_django(options.database):
            prepare(site, options.accounts)
            with gateway() as process:
                measure(site, process, options)


def prepare(site: EmulatorSite, accounts: int) -> None:
    """Accounts at the emulator, their rows, and those of their symbols."""
    from trading.models import Connection

    connection = Connection.objects.create(name="MetaApi", token=site.token)
    for number in range(accounts):
        open_account(site, connection, f"{number:08}-bench")


def open_account(site: EmulatorSite, connection: Connection, remote: str) -> None:
    from trading.models import Account
    from trading.services.accounts import WAITING
    from trading.services.bootstrap import symbol_create
    from trading.services.remote import source_of

    site.ask("accounts", id=remote, kind="mt5-hedging")
    account = Account.objects.create(
        name=remote,
        kind="metaapi",
        connection=connection,
        external_id=remote,
        source=source_of(remote),
        platform="mt5",
        remote_state="DEPLOYED",
        leverage=100,
        state=Account.State.HALTED,
        state_reason=WAITING,
    )
    for name in SYMBOLS:
        know(symbol_create(name=name, source=account.source))


def know(symbol: Symbol) -> None:
    """History up to now: filling two weeks would be a measurement of its own."""
    from trading.services.bars import bars_store

    minute = int(time.time()) // 60 * 60 - 120
    bars_store(symbol=symbol, timeframe="M1", bars=bars_of([Bar(minute, 1, 1, 1, 1, 1, 0)]))


@contextmanager
def gateway() -> Iterator[subprocess.Popen[bytes]]:
    """A gateway process on the same database."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "gateway"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measure(
    site: EmulatorSite, process: subprocess.Popen[bytes], options: argparse.Namespace
) -> None:
    """Wait for all accounts, weigh the process, cut the links in both ways; print it all."""
    accounts: int = options.accounts
    up = max(changes(accounts, True, UP_SECONDS))
    time.sleep(SETTLE_SECONDS)
    load, used, began = busy(), cpu_seconds(process.pid), time.monotonic()
    time.sleep(options.seconds)
    core = (cpu_seconds(process.pid) - used) / (time.monotonic() - began)
    site.faults(mute=True)
    detect = changes(accounts, False, LINK_SECONDS)
    site.faults()
    heal = changes(accounts, True, LINK_SECONDS)
    time.sleep(SETTLE_SECONDS)
    lets_in = time.monotonic() + STORM_SECONDS
    site.ask("drop", storm=STORM_SECONDS)
    lost = changes(accounts, False, LINK_SECONDS)
    time.sleep(max(0.0, lets_in - time.monotonic()))
    late = time.monotonic() - lets_in
    reconnect = [late + seconds for seconds in changes(accounts, True, LINK_SECONDS)]
    figures = {
        "accounts": accounts,
        "quotes_per_s": len(SYMBOLS) * accounts * float(SPEED),
        "database": options.database,
        "core_percent": round(100 * core, 1),
        "rss_mb": rss_mb(process.pid),
        "up_seconds": round(up, 1),
        **named("detect", detect),
        **named("heal", heal),
        **named("lost", lost),
        **named("reconnect", reconnect),
        "load": load,
    }
    report("metaapi_gateway", core, figures)


def changes(accounts: int, ready: bool, longest: float) -> list[float]:
    """Seconds until entries of each account were allowed, or were not; in order."""
    from trading.models import Lease
    from trading.selectors.clock import clock_read
    from trading.selectors.leases import lease_standing

    began, seen = time.monotonic(), dict[int, float]()
    while len(seen) < accounts:
        passed = time.monotonic() - began
        if passed > longest:
            expected = "open to entries" if ready else "closed to entries"
            raise SystemExit(f"Expected {accounts} leases {expected}, was {len(seen)}")
        now = clock_read()
        for lease in Lease.objects.filter(account__isnull=False):
            if (lease_standing(lease, now) is None) is ready:
                seen.setdefault(lease.pk, passed)
        time.sleep(LOOK_SECONDS)
    return sorted(seen.values())


def named(what: str, seconds: list[float]) -> dict[str, float]:
    """The figures of one distribution under its name."""
    found = spread_of(seconds)
    return {f"{what}_{name}": found[name] for name in ("p50_ms", "max_ms")}


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far (Linux only)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Memory that a process holds now (Linux only)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


if __name__ == "__main__":
    main()
