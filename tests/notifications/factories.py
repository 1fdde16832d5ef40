"""One row of each model of the notifications."""

from itertools import count
from typing import Any

from django.db import connection

from notifications.models import Channel, Delivery, Rule
from tests.factories import make_event
from tests.notifications.bot_api import TOKEN

_numbers = count(1)


def make_channel(**fields: Any) -> Channel:
    given = {
        "name": f"Channel {next(_numbers)}",
        "kind": "telegram",
        "target": "-100200",
        "secret": TOKEN,
    }
    return Channel.objects.create(**{**given, **fields})


def make_rule(**fields: Any) -> Rule:
    given = {"channel": fields.get("channel") or make_channel(), "min_severity": 10}
    return Rule.objects.create(**{**given, **fields})


def make_delivery(**fields: Any) -> Delivery:
    given = {
        "event": fields.get("event") or make_event(),
        "channel": fields.get("channel") or make_channel(),
    }
    return Delivery.objects.create(**{**given, **fields})


def lose_key(channel: Channel) -> None:
    """Let none of FIELD_KEYS open the channel's secret."""
    with connection.cursor() as cursor:
        row = [channel.pk]
        cursor.execute("UPDATE notifications_channel SET secret = 'other' WHERE id = %s", row)
