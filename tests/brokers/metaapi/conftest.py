"""One emulator and one hub for the streaming tests of a module; each takes its own account."""

from collections.abc import Iterator

import pytest

from tests.brokers.metaapi.linked import Desk, hub_at
from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from trading.brokers.metaapi.stream import Hub


@pytest.fixture(scope="module")
def running_emulator() -> Iterator[EmulatorSite]:
    with emulator_thread() as site:
        yield site


@pytest.fixture
def emulator(running_emulator: EmulatorSite) -> EmulatorSite:
    """Without faults; EURUSD stands at 1.10000 / 1.10006."""
    running_emulator.faults()
    running_emulator.pin(1.1)
    return running_emulator


@pytest.fixture(scope="module")
def hub(running_emulator: EmulatorSite) -> Iterator[Hub]:
    with hub_at(running_emulator) as hub:
        yield hub


@pytest.fixture
def desk(emulator: EmulatorSite, hub: Hub) -> Iterator[Desk]:
    """A LIVE link to a fresh account: MT5, hedging, 10,000 USD, no commission."""
    desk = Desk(emulator, hub, emulator.open_account(has_costs=False))
    desk.begin()
    yield desk
    emulator.faults()
    desk.stream.stop()
