"""The event log is append-only, chained, and in the order of commit."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.factories import make_event
from trading import broadcast
from trading.models import Event
from trading.services.events import GENESIS, event_hash


@pytest.mark.django_db
def test_each_event_holds_the_hash_of_the_one_before() -> None:
    first, second = make_event(), make_event()
    assert (first.previous_hash, second.previous_hash) == (GENESIS, first.hash)


@pytest.mark.django_db
def test_a_changed_event_no_longer_fits_its_hash() -> None:
    event = make_event(payload={"lots": "0.10"})
    stored = Event.objects.get()
    assert event_hash(stored) == event.hash
    stored.payload = {"lots": "1.00"}
    assert event_hash(stored) != event.hash


@pytest.mark.django_db
def test_browsers_are_told_after_the_commit(
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    told: list[int] = []
    monkeypatch.setattr(broadcast, "hint_events", told.append)
    with django_capture_on_commit_callbacks(execute=True):
        event = make_event()
        assert told == []
    assert told == [event.pk]


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_time_make_one_chain() -> None:
    def write(_: int) -> None:
        try:
            with transaction.atomic():
                make_event()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(20)))
    events = list(Event.objects.order_by("id"))
    assert len(events) == 20
    assert [e.previous_hash for e in events[1:]] == [e.hash for e in events[:-1]]
