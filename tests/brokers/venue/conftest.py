"""A venue and an account of its own for each test of this folder."""

from collections.abc import Iterator

import pytest

from tests.brokers.venue.running import Site


@pytest.fixture
def site(still_venue: str) -> Iterator[Site]:
    site = Site(still_venue)
    yield site
    site.broker.stop()
