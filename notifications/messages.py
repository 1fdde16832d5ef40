"""From an event to the words a person reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.timezone import now

from notifications.models import Delivery
from notifications.transports import transport
from notifications.transports.base import Message
from trading.models import Event, Severity

MOST_NUMBERS: Final = 15
LONGEST_NUMBER: Final = 80
LONGEST_SUBJECT: Final = 150


@dataclass(frozen=True, slots=True)
class Notice:
    """What the templates of every transport are given."""

    kind: str
    severity: str
    text: str
    at: datetime
    link: str
    account: str = ""
    numbers: tuple[tuple[str, str], ...] = ()
    possible_duplicate: bool = False


def delivery_message(*, delivery: Delivery) -> Message:
    """The message of a delivery in the markup of its channel."""
    event = delivery.event
    notice = Notice(
        kind=event.kind,
        severity=Severity(event.severity).label,
        text=event.message,
        at=event.at,
        link=_link(reverse("admin:trading_event_change", args=[event.id])),
        account=event.account.name if event.account is not None else "",
        numbers=_numbers(event),
        possible_duplicate=delivery.possible_duplicate,
    )
    return _rendered(notice, delivery.channel.kind)


def channel_test_message(*, kind: str) -> Message:
    """What the admin's test sends."""
    notice = Notice(
        kind="channel.test",
        severity=Severity.INFO.label,
        text="A test message: this channel works",
        at=now(),
        link=_link(reverse("admin:index")),
    )
    return _rendered(notice, kind)


def _rendered(notice: Notice, kind: str) -> Message:
    head = f"{notice.severity}: {notice.text}"
    subject = " ".join(f"{notice.account + ' - ' if notice.account else ''}{head}".split())
    return Message(
        subject=subject[:LONGEST_SUBJECT],
        body=render_to_string(transport(kind).template, {"notice": notice}).strip(),
    )


def _link(path: str) -> str:
    return f"{settings.BACKEND_API_URL}{path}"


def _numbers(event: Event) -> tuple[tuple[str, str], ...]:
    """The figures of an event by name; those of a nested mapping as well, lists not."""
    found = [(k.replace("_", " "), str(v)[:LONGEST_NUMBER]) for k, v in _leaves(event.payload)]
    return tuple(found[:MOST_NUMBERS])


def _leaves(payload: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for key, value in payload.items():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        elif value is not None and not isinstance(value, list):
            yield str(key)[:LONGEST_NUMBER], value
