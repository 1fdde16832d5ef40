"""One simulated venue for all tests of the brokers; each test takes an account of its own."""

from collections.abc import Iterator

import pytest

from tests.brokers.venue.running import venue_process
from tests.desk import NOON


@pytest.fixture(scope="session")
def still_venue() -> Iterator[str]:
    """Address of a venue without costs whose clock stands at NOON; accounts have 10,000 USD."""
    options = ("--speed", "0", "--start", NOON.isoformat(), "--balance", "10000", "--no-costs")
    with venue_process(*options) as address:
        yield address
