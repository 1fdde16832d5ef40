"""Shared by the tests that run consumers."""

from collections.abc import AsyncIterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connections


@pytest.fixture
async def closed_connections(transactional_db: None) -> AsyncIterator[None]:
    """Coroutines reach the database in a thread of asgiref's: close what it opened."""
    yield
    await sync_to_async(connections.close_all)()
