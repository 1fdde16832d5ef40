"""Starting the venue as a real process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import count

from tests.conftest import ROOT
from tests.desk import NOON
from trading.brokers.base import EntryRequest
from trading.brokers.venue import Faults, VenueAdmin, VenueBroker
from trading.engine.types import OrderKind

NUMBERS = count(1)
LONG_AGO = NOON - timedelta(days=1)


@contextmanager
def venue_process(*options: str) -> Iterator[str]:
    """The address of a venue started with these options; stopped at the end."""
    command = [sys.executable, "-m", "trading.brokers.venue.server", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
            process.wait(10)


class Site:
    """A venue without faults whose EURUSD stands at 1.10000, and a fresh account there."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.account = f"account-{next(NUMBERS)}"
        self.admin = VenueAdmin(address)
        self.broker = VenueBroker(address, self.account, deadline=5)
        self.admin.set_faults(Faults())
        self.tick("1.10000")

    def tick(self, bid: str) -> None:
        """Move EURUSD there."""
        self.admin.tick("EURUSD", Decimal(bid))

    def executions(self) -> list[dict[str, object]]:
        """What was really executed on the account."""
        return [e for e in self.admin.executions() if e["account"] == self.account]

    def requests(self) -> list[dict[str, object]]:
        """What really arrived for the account."""
        return [r for r in self.admin.ledger()["requests"] if r["account"] == self.account]


def entry(client_id: str = "client-1", **changes: object) -> EntryRequest:
    """A market order with levels around 1.10000."""
    given: dict[str, object] = {
        "client_id": client_id,
        "symbol": "EURUSD",
        "side": 1,
        "lots": Decimal("0.10"),
        "kind": OrderKind.MARKET,
        "price": None,
        "stop": Decimal("1.09900"),
        "take": Decimal("1.10200"),
        "magic": 3,
    }
    return EntryRequest(**{**given, **changes})  # type: ignore[arg-type]
