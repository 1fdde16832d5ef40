"""The emulator as a process: prints its port as the first line and runs until SIGTERM or SIGINT.

`python -m tests.metaapi_emulator [--port 0] [--seed 0] [--speed 1] [--account NAME=KIND ...]`
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from tests.metaapi_emulator.accounts import AccountKind, Terms
from tests.metaapi_emulator.emulator import TOKEN, Emulator
from tests.metaapi_emulator.market import Market
from tests.metaapi_emulator.serving import served


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as the command line says."""
    options = _parser().parse_args(arguments)
    market = Market(options.start or datetime.now(UTC), options.speed, options.amplitude)
    emulator = Emulator(market, seed=options.seed, token=options.token)
    for text in options.account or ["account-1=mt5-hedging"]:
        name, _, kind = text.partition("=")
        terms = Terms(
            kind=AccountKind(kind or AccountKind.MT5_HEDGING),
            balance=options.balance,
            has_costs=not options.no_costs,
        )
        emulator.open_account(name, terms)
    asyncio.run(_serve(emulator, options.port))


async def _serve(emulator: Emulator, port: int) -> None:
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with served(emulator, port) as served_port:
        sys.stdout.write(f"{served_port}\n")
        sys.stdout.flush()
        await stopping.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 = any that is free")
    parser.add_argument("--seed", type=int, default=0, help="of every choice")
    parser.add_argument("--speed", type=float, default=1.0, help="of the market's clock, 0 = still")
    parser.add_argument("--amplitude", type=int, default=200, help="swing of a price, in ticks")
    parser.add_argument("--token", default=TOKEN, help="what requests have to carry")
    parser.add_argument("--balance", type=Decimal, default=Decimal(10_000), help="of each account")
    parser.add_argument("--no-costs", action="store_true", help="no commission")
    parser.add_argument(
        "--account", action="append", help="NAME=KIND, repeatable; account-1=mt5-hedging"
    )
    parser.add_argument(
        "--start",
        type=datetime.fromisoformat,
        help="where the market's clock begins, with its zone; now",
    )
    return parser


if __name__ == "__main__":
    main()
