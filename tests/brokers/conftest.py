"""One simulated venue for all tests of the brokers, one emulator of MetaApi and one hub for those
of a module, all standing still; each test takes an account of its own.

What runs as a thread here ends with its module: the SDK draws from the global random numbers, which
other tests may not see change.
"""

from collections.abc import Iterator

import pytest

from tests.brokers.metaapi.linked import hub_at
from tests.brokers.venue.running import venue_process
from tests.desk import NOON
from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from trading.brokers.metaapi.stream import Hub


@pytest.fixture(scope="session")
def still_venue() -> Iterator[str]:
    """Address of a venue without costs whose clock stands at NOON; accounts have 10,000 USD."""
    options = ("--speed", "0", "--start", NOON.isoformat(), "--balance", "10000", "--no-costs")
    with venue_process(*options) as address:
        yield address


@pytest.fixture(scope="module")
def still_emulator() -> Iterator[EmulatorSite]:
    """An emulator whose clock stands at NOON."""
    with emulator_thread(speed=0, start=NOON) as site:
        yield site


@pytest.fixture(scope="module")
def still_hub(still_emulator: EmulatorSite) -> Iterator[Hub]:
    with hub_at(still_emulator) as hub:
        yield hub
