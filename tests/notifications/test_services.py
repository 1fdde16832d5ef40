"""Matching, claiming and sending: every event once to every channel, whatever happens."""

from datetime import timedelta

import pytest
from django.utils.timezone import now
from pytest_django import Settings

from notifications.models import Channel, Cursor, Delivery, Rule
from notifications.services import (
    CLAIM,
    LONGEST_DELAY,
    MOST_ATTEMPTS,
    channel_bootstrap,
    channel_test,
    delivery_claim,
    delivery_send,
    events_match,
)
from notifications.transports.base import TransportError
from tests.factories import make_event
from tests.notifications.bot_api import TOKEN, BotApi
from tests.notifications.factories import lose_key, make_channel, make_delivery, make_rule
from trading.models import Severity

pytestmark = pytest.mark.django_db
Status = Delivery.Status


def claimed() -> Delivery:
    delivery = delivery_claim()
    assert delivery is not None
    return delivery


def due_again(delivery: Delivery) -> None:
    """Let the time of its claim or its delay pass."""
    past = now() - timedelta(seconds=1)
    Delivery.objects.filter(pk=delivery.pk).update(next_try_at=past)
    Delivery.objects.filter(pk=delivery.pk, status=Status.SENDING).update(locked_until=past)


# --- matching ---


def test_an_event_is_matched_once() -> None:
    channel = make_rule().channel
    event = make_event()
    assert (events_match(), events_match()) == (1, 0)
    assert [(d.event, d.channel) for d in Delivery.objects.all()] == [(event, channel)]


def test_two_rules_of_a_channel_make_one_delivery() -> None:
    channel = make_channel()
    make_rule(channel=channel)
    make_rule(channel=channel, family="test.*")
    make_event()
    events_match()
    assert Delivery.objects.count() == 1


def test_every_channel_gets_its_own_delivery() -> None:
    make_rule()
    make_rule()
    make_event()
    events_match()
    assert Delivery.objects.count() == 2


def test_what_is_disabled_gets_nothing_and_nothing_later() -> None:
    make_rule(enabled=False)
    silent = make_rule(channel=make_channel(enabled=False)).channel
    make_event()
    assert events_match() == 1
    Channel.objects.filter(pk=silent.pk).update(enabled=True)
    assert events_match() == 0
    assert not Delivery.objects.exists()


def test_a_long_log_is_matched_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.services.EVENTS_AT_ONCE", 2)
    make_rule()
    events = [make_event() for _ in range(5)]
    assert [events_match() for _ in range(4)] == [2, 2, 1, 0]
    assert Cursor.objects.get().last_event_id == events[-1].id
    assert Delivery.objects.count() == 5


def test_a_failed_match_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    make_rule()
    make_event()
    with monkeypatch.context() as patch:
        patch.setattr(Cursor, "save", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            events_match()
    assert not Delivery.objects.exists()
    assert events_match() == 1
    assert Delivery.objects.count() == 1


# --- claiming ---


def test_a_delivery_is_claimed_once() -> None:
    delivery = make_delivery()
    ours = claimed()
    assert (ours.pk, ours.status, ours.attempts) == (delivery.pk, Status.SENDING, 1)
    assert delivery_claim() is None


def test_the_oldest_goes_first() -> None:
    first, second = make_delivery(), make_delivery()
    assert [claimed().pk, claimed().pk] == [first.pk, second.pk]


def test_what_is_not_due_waits() -> None:
    make_delivery(next_try_at=now() + timedelta(minutes=1))
    make_delivery(channel=make_channel(enabled=False))
    make_delivery(status=Status.SENT)
    make_delivery(status=Status.FAILED)
    assert delivery_claim() is None


def test_an_abandoned_delivery_is_taken_over_and_marked() -> None:
    make_delivery()
    abandoned = claimed()
    assert not abandoned.possible_duplicate
    assert abandoned.locked_until is not None
    assert now() < abandoned.locked_until <= now() + CLAIM
    due_again(abandoned)
    again = claimed()
    assert (again.pk, again.attempts, again.possible_duplicate) == (abandoned.pk, 2, True)


def test_what_is_abandoned_too_often_is_given_up() -> None:
    delivery = make_delivery(attempts=MOST_ATTEMPTS, status=Status.SENDING, locked_until=now())
    assert delivery_claim() is None
    delivery.refresh_from_db()
    assert delivery.status == Status.FAILED
    assert delivery.error == "Interrupted at every one of 14 attempts"


def test_the_loser_of_a_race_takes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_delivery(), make_delivery()
    stale = Delivery.objects.filter(pk=first.pk)
    list(stale)  # what we read before the other notifier claimed it
    assert claimed().pk == first.pk
    reads = iter([stale, Delivery.objects.filter(pk=second.pk)])
    monkeypatch.setattr("notifications.services._due", lambda: _FirstOf(next(reads)))
    assert claimed().pk == second.pk


class _FirstOf:
    """Gives the row a query has already read."""

    def __init__(self, rows: object) -> None:
        self.rows = rows

    def first(self) -> Delivery:
        rows: list[Delivery] = list(self.rows)  # type: ignore[call-overload]
        return rows[0]


# --- sending ---


def test_a_message_that_went_out_is_recorded(bot_api: BotApi) -> None:
    make_delivery(event=make_event(message="Limit reached"))
    assert delivery_send(delivery=claimed())
    delivery = Delivery.objects.select_related("channel").get()
    assert (delivery.status, delivery.error, delivery.locked_until) == (Status.SENT, "", None)
    assert delivery.sent_at is not None
    assert delivery.channel.last_result_at is not None
    assert "Limit reached" in bot_api.sent[0].text


def test_a_failure_is_tried_again_later_and_later(bot_api: BotApi) -> None:
    make_delivery()
    waits = []
    for _ in range(3):
        bot_api.refuse(500, "Internal Server Error")
        assert not delivery_send(delivery=claimed())
        delivery = Delivery.objects.get()
        assert delivery.status == Status.QUEUED
        assert delivery.error == "Telegram 500: Internal Server Error"
        waits.append((delivery.next_try_at - now()).total_seconds())
        due_again(delivery)
    assert 4 < waits[0] < 6 < 9 < waits[1] < 12 < 19 < waits[2] < 24
    assert delivery_send(delivery=claimed())


def test_the_provider_decides_how_long_to_wait(bot_api: BotApi) -> None:
    make_delivery()
    bot_api.refuse(429, "Too Many Requests", retry_after=600)
    delivery_send(delivery=claimed())
    wait = (Delivery.objects.get().next_try_at - now()).total_seconds()
    assert 599 < wait <= 720


def test_a_failing_channel_holds_back_its_own_messages_only(bot_api: BotApi) -> None:
    failing = make_delivery()
    make_delivery(channel=failing.channel)
    other = make_delivery()
    bot_api.refuse(500, "Internal Server Error")
    delivery_send(delivery=claimed())
    assert claimed().pk == other.pk
    assert delivery_claim() is None


def test_a_permanent_failure_is_given_up_visibly(bot_api: BotApi) -> None:
    delivery = make_delivery()
    bot_api.refuse(403, "bot was blocked by the user")
    assert not delivery_send(delivery=claimed())
    delivery.refresh_from_db()
    assert delivery.status == Status.FAILED
    assert delivery.error == "Telegram 403: bot was blocked by the user"
    delivery.channel.refresh_from_db()
    assert delivery.channel.last_error == delivery.error


def test_the_last_attempt_is_the_last(bot_api: BotApi) -> None:
    delivery = make_delivery(attempts=MOST_ATTEMPTS - 1)
    bot_api.refuse(500, "Internal Server Error")
    delivery_send(delivery=claimed())
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == (Status.FAILED, MOST_ATTEMPTS)


def test_the_delay_has_an_upper_bound(bot_api: BotApi) -> None:
    make_delivery(attempts=MOST_ATTEMPTS - 2)
    bot_api.refuse(500, "Internal Server Error")
    delivery_send(delivery=claimed())
    assert Delivery.objects.get().next_try_at <= now() + timedelta(seconds=LONGEST_DELAY * 1.2)


def test_who_lost_the_claim_records_nothing(bot_api: BotApi) -> None:
    make_delivery()
    slow = claimed()
    due_again(slow)
    fast = claimed()
    bot_api.refuse(403, "bot was blocked by the user")
    delivery_send(delivery=slow)
    assert Delivery.objects.get().status == Status.SENDING
    assert delivery_send(delivery=fast)
    assert Delivery.objects.get().status == Status.SENT


def test_a_secret_no_key_opens_stops_its_channel_only(bot_api: BotApi) -> None:
    broken, other = make_delivery(), make_delivery()
    lose_key(broken.channel)
    assert not delivery_send(delivery=claimed())
    assert delivery_send(delivery=claimed())
    broken.refresh_from_db(fields=["status", "error"])
    other.refresh_from_db()
    assert (broken.status, other.status) == (Status.FAILED, Status.SENT)
    assert broken.error == "Expected a secret that one of FIELD_KEYS opens: enter it anew"


def test_a_message_that_cannot_be_made_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    make_delivery()
    monkeypatch.setattr("notifications.services.delivery_message", lambda **_: 1 / 0)
    assert not delivery_send(delivery=claimed())
    delivery = Delivery.objects.get()
    assert delivery.status == Status.QUEUED
    assert delivery.error == "Unexpected ZeroDivisionError, see the log"


# --- channels ---


def test_a_channel_is_tested_with_the_real_answer(bot_api: BotApi) -> None:
    channel = make_channel()
    assert channel_test(channel=channel) == "Telegram took it as message 1 of chat -100200"
    bot_api.refuse(400, "chat not found")
    with pytest.raises(TransportError, match="chat not found"):
        channel_test(channel=channel)
    channel.refresh_from_db()
    assert channel.last_error == "Telegram 400: chat not found"


def test_the_first_channel_comes_from_the_settings(settings: Settings) -> None:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = TOKEN, "-100200"
    channel = channel_bootstrap()
    assert channel is not None
    assert (channel.kind, channel.target, channel.secret) == ("telegram", "-100200", TOKEN)
    make_event(severity=Severity.WARNING)
    make_event(kind="order.filled", severity=Severity.INFO)
    make_event(kind="position.closed", severity=Severity.INFO)
    make_event(kind="order.accepted", severity=Severity.INFO)
    events_match()
    assert Delivery.objects.count() == 3
    assert channel_bootstrap() is None


@pytest.mark.parametrize(("token", "chat"), [("", ""), (TOKEN, ""), ("", "-100200")])
def test_without_settings_there_is_no_channel(settings: Settings, token: str, chat: str) -> None:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = token, chat
    assert channel_bootstrap() is None
    assert not Rule.objects.exists()
