"""Messages carry the account, the numbers and the way to the admin."""

import pytest
from pytest_django import Settings

from notifications.messages import channel_test_message, delivery_message
from tests.factories import make_account, make_event
from tests.notifications.factories import make_channel, make_delivery
from trading.models import Severity

pytestmark = pytest.mark.django_db


def test_a_message_has_account_numbers_and_link(settings: Settings) -> None:
    settings.BACKEND_API_URL = "https://bot.example.com"
    event = make_event(
        kind="order.rejected",
        severity=Severity.WARNING,
        account=make_account(name="Demo"),
        message="Volume below the minimum",
        payload={"lots": "0.001", "numbers": {"volume_min": "0.01"}, "fills": [1], "x": None},
    )
    message = delivery_message(delivery=make_delivery(event=event))
    assert message.subject == "Demo - Warning: Volume below the minimum"
    assert message.body.splitlines() == [
        "<b>Warning</b> order.rejected on <b>Demo</b>",
        "Volume below the minimum",
        "lots: 0.001",
        "volume min: 0.01",
        f"{event.at:%Y-%m-%d %H:%M:%S} UTC",
        f"https://bot.example.com/admin/trading/event/{event.id}/change/",
    ]


def test_markup_in_an_event_is_text_to_telegram() -> None:
    event = make_event(message="a < b & <i>c</i>")
    body = delivery_message(delivery=make_delivery(event=event)).body
    assert "a &lt; b &amp; &lt;i&gt;c&lt;/i&gt;" in body


def test_mail_is_plain_text() -> None:
    event = make_event(message="a < b", payload={"equity": "9 < 10"})
    channel = make_channel(kind="email", target="a@example.com")
    message = delivery_message(delivery=make_delivery(event=event, channel=channel))
    assert message.subject == "Info: a < b"
    assert "a < b" in message.body
    assert "equity: 9 < 10" in message.body


def test_a_subject_is_one_short_line() -> None:
    event = make_event(message="long\nand " + "x" * 290)
    subject = delivery_message(delivery=make_delivery(event=event)).subject
    assert subject.startswith("Info: long and xxx")
    assert len(subject) == 150


def test_a_large_payload_stays_within_a_message() -> None:
    event = make_event(message="<" * 300, payload={f"k{n}" * 50: "<" * 500 for n in range(100)})
    body = delivery_message(delivery=make_delivery(event=event)).body
    assert len(body.replace("&lt;", "<")) < 4096


@pytest.mark.parametrize("kind", ["email", "telegram"])
def test_a_possible_duplicate_says_so(kind: str) -> None:
    once = make_delivery(channel=make_channel(kind=kind))
    again = make_delivery(channel=make_channel(kind=kind), possible_duplicate=True)
    assert "Possible duplicate" not in delivery_message(delivery=once).body
    assert "Possible duplicate" in delivery_message(delivery=again).body


@pytest.mark.parametrize("kind", ["email", "telegram"])
def test_the_test_message_needs_no_event(kind: str) -> None:
    message = channel_test_message(kind=kind)
    assert message.subject == "Info: A test message: this channel works"
    assert "this channel works" in message.body
    assert "/admin/" in message.body
