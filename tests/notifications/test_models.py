"""Channels know whether they are well-formed; rules know what they are about."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from notifications.models import Channel, Rule
from tests.factories import make_account, make_event
from tests.notifications.bot_api import TOKEN
from tests.notifications.factories import make_channel
from trading.models import Severity

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("family", "kind", "wanted"),
    [
        ("*", "order.filled", True),
        ("order.*", "order.filled", True),
        ("order.*", "order.rejected.late", True),
        ("order.*", "orders.seen", False),
        ("order.filled", "order.filled", True),
        ("order.filled", "order.filled.late", False),
        ("risk.*", "order.filled", False),
    ],
)
def test_a_family_takes_its_kinds(family: str, kind: str, wanted: bool) -> None:
    rule = Rule(family=family, min_severity=Severity.INFO)
    assert rule.matches(make_event(kind=kind)) is wanted


def test_a_rule_takes_its_severity_and_worse() -> None:
    rule = Rule(family="*", min_severity=Severity.WARNING)
    taken = [s for s in Severity if rule.matches(make_event(severity=s))]
    assert taken == [Severity.WARNING, Severity.ERROR, Severity.CRITICAL]


def test_a_rule_of_an_account_takes_no_other() -> None:
    ours, theirs = make_account(), make_account()
    rule = Rule(account=ours, min_severity=Severity.INFO)
    accounts = (ours, theirs, None)
    assert [rule.matches(make_event(account=a)) for a in accounts] == [True, False, False]


@pytest.mark.parametrize("family", ["", "Order.*", "*.filled", "order.", "order*", "order.*\n"])
def test_a_family_that_could_match_nothing_is_refused(family: str) -> None:
    with pytest.raises(ValidationError, match="family"):
        Rule(channel=make_channel(), family=family).full_clean()


def test_the_secret_is_encrypted_at_rest() -> None:
    channel = make_channel()
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM notifications_channel")
        (stored,) = cursor.fetchone()
    assert "AAE" not in stored
    assert Channel.objects.get(pk=channel.pk).secret == TOKEN


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kind": "pigeon"}, "Expected a kind of email, telegram, was 'pigeon'"),
        ({"target": "general"}, "Expected a chat id or @channelname, was 'general'"),
        ({"secret": ""}, "Expected the token of a bot, DIGITS:LETTERS, was nothing"),
        ({"secret": "hunter2"}, "DIGITS:LETTERS, was something else"),
        ({"kind": "email", "target": "a@example.com, b"}, "Expected e-mail addresses"),
        ({"kind": "email", "target": " , "}, "Expected e-mail addresses"),
    ],
)
def test_a_channel_that_cannot_work_is_refused(fields: dict[str, Any], expected: str) -> None:
    given = {"name": "A", "kind": "telegram", "target": "-100200", "secret": TOKEN}
    with pytest.raises(ValidationError) as caught:
        Channel(**{**given, **fields}).full_clean()
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"target": "@announcements"},
        {"target": "42"},
        {"kind": "email", "target": "a@example.com, b@example.com", "secret": ""},
    ],
)
def test_a_channel_that_can_work_is_taken(fields: dict[str, Any]) -> None:
    given = {"name": "A", "kind": "telegram", "target": "-100200", "secret": TOKEN}
    Channel(**{**given, **fields}).full_clean()
