"""The venue as a process: a TCP server on 127.0.0.1 that speaks JSON lines.

`python -m trading.brokers.venue.server [--port 0] [--seed 0] [--speed 60] ...` prints its port as
the first line and runs until SIGTERM or the operation "stop". A connection carries one request,
one answer and the asker's word that it has the answer; a subscription stays open and is pushed to.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trading.brokers.venue.exchange import VenueTerms
    from trading.brokers.venue.serving import VenueServer


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the server as the command line says."""
    import numba

    # Compiling the rules of the book would take longer than a drill calls them for.
    numba.config.DISABLE_JIT = True  # type: ignore[attr-defined]
    from trading.brokers.venue.exchange import Exchange, VenueTerms
    from trading.brokers.venue.serving import VenueServer

    options = _parser(VenueTerms()).parse_args(arguments)
    terms = VenueTerms(
        seed=options.seed,
        speed=options.speed,
        amplitude=options.amplitude,
        balance=options.balance,
        start=options.start,
        has_costs=not options.no_costs,
    )
    exchange = Exchange(terms)
    exchange.advance()  # there are quotes before the first request
    server = VenueServer(options.port, exchange)
    _stop_on_signals(server)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.run()


def _stop_on_signals(server: VenueServer) -> None:
    def stop(*_: object) -> None:
        server.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _parser(terms: VenueTerms) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 = any that is free")
    parser.add_argument("--seed", type=int, default=terms.seed, help="of every choice")
    parser.add_argument(
        "--speed", type=float, default=terms.speed, help="of the market's clock, 0 = still"
    )
    parser.add_argument(
        "--amplitude", type=int, default=terms.amplitude, help="swing of a price, in ticks"
    )
    parser.add_argument("--balance", type=Decimal, default=terms.balance, help="of a new account")
    parser.add_argument(
        "--start",
        type=datetime.fromisoformat,
        default=terms.start,
        help="where the market's clock begins, with its zone",
    )
    parser.add_argument("--no-costs", action="store_true", help="neither commission nor slippage")
    return parser


if __name__ == "__main__":
    main()
