"""One emulator for all tests of it; each test takes an account of its own."""

from collections.abc import Iterator

import pytest

from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from tests.metaapi_emulator.sdk import Sdk, connected


@pytest.fixture(scope="module")
def shared_site() -> Iterator[EmulatorSite]:
    with emulator_thread() as site:
        yield site


@pytest.fixture
def site(shared_site: EmulatorSite) -> EmulatorSite:
    """Without faults; EURUSD stands at 1.10000 / 1.10006."""
    shared_site.faults()
    shared_site.pin(1.1)
    return shared_site


@pytest.fixture
def account(site: EmulatorSite) -> str:
    """MT5, hedging, 10,000 USD, no commission."""
    return site.open_account(has_costs=False)


@pytest.fixture(scope="module")
def shared_sdk(shared_site: EmulatorSite) -> Iterator[Sdk]:
    shared_site.faults()
    with connected(shared_site) as sdk:
        yield sdk


@pytest.fixture
def sdk(shared_sdk: Sdk) -> Sdk:
    """The real SDK, with nothing seen yet."""
    shared_sdk.events.clear()
    return shared_sdk
