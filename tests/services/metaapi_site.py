"""A connection to an emulator of MetaApi, for tests of what asks it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import LazySettings
from django.db.models import QuerySet

from tests.factories import make_connection
from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from trading.models import Account, Connection, Event

LOGIN, MASKED = "50194988", "*****988"


@contextmanager
def emulated(settings: LazySettings) -> Iterator[EmulatorSite]:
    """An emulator without accounts that takes the place of MetaApi."""
    with emulator_thread() as site:
        settings.METAAPI_BASE_URL = site.url
        yield site


def connect(site: EmulatorSite, **fields: object) -> Connection:
    """A connection with the emulator's token."""
    return make_connection(**{"name": "MetaApi", "token": site.token, **fields})


def account_of(external_id: str) -> Account:
    """The row of an account."""
    return Account.objects.get(external_id=external_id)


def kinds(events: QuerySet[Event] | None = None) -> list[str]:
    """Kinds of the events, oldest first."""
    found = Event.objects.all() if events is None else events
    return list(found.order_by("id").values_list("kind", flat=True))
