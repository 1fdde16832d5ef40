"""From the event log to people: match, claim, send, record.

A delivery is a row that is claimed by conditional UPDATE, so any number of notifiers may run, and
one that dies loses nothing: its row is taken over once the claim runs out, and the message says
that it may have arrived before.
"""

import random
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now

from notifications.messages import channel_test_message, delivery_message
from notifications.models import Channel, Cursor, Delivery, Rule
from notifications.transports import transport
from notifications.transports.base import TransportError
from trading.models import Event, Severity

EVENTS_AT_ONCE: Final = 500
CLAIM: Final = timedelta(seconds=120)  # above the longest time a transport can take
MOST_ATTEMPTS: Final = 14  # over about five hours
FIRST_DELAY: Final = 5.0  # seconds, doubled at every attempt
LONGEST_DELAY: Final = 3600.0
_EVENTS: Final = "events"  # the cursor's name
log = structlog.get_logger(__name__)


def events_match() -> int:
    """Make deliveries of the events after the cursor; returns how many events were looked at.

    Deliveries and cursor move in one transaction, at most EVENTS_AT_ONCE events at a time.
    """
    position = Cursor.objects.filter(name=_EVENTS).values_list("last_event_id", flat=True).first()
    if not Event.objects.filter(id__gt=position or 0).exists():
        return 0
    with transaction.atomic():
        Cursor.objects.get_or_create(name=_EVENTS)
        cursor = Cursor.objects.select_for_update().get(name=_EVENTS)
        new = Event.objects.filter(id__gt=cursor.last_event_id).order_by("id")
        events = list(new[:EVENTS_AT_ONCE])
        if events:
            Delivery.objects.bulk_create(_deliveries(events), ignore_conflicts=True)
            cursor.last_event_id = events[-1].id
            cursor.save(update_fields=["last_event_id"])
    return len(events)


def delivery_claim() -> Delivery | None:
    """The next due delivery, now ours for CLAIM; None when nothing is due.

    Takes over what another notifier left unfinished, and gives up on what was left too often.
    """
    while (found := _due().first()) is not None:
        taken_over = found.status == Delivery.Status.SENDING
        if taken_over and found.attempts >= MOST_ATTEMPTS:
            _fail(found, f"Interrupted at every one of {found.attempts} attempts")
            continue
        claimed = _as_seen(found).update(
            status=Delivery.Status.SENDING,
            attempts=found.attempts + 1,
            locked_until=now() + CLAIM,
            possible_duplicate=found.possible_duplicate or taken_over,
        )
        if claimed:  # otherwise another notifier was faster
            # The secret is read while sending: one that cannot be read must stop only its channel.
            rows = Delivery.objects.select_related("event__account", "channel")
            return rows.defer("channel__secret").get(pk=found.pk)
    return None


def delivery_send(*, delivery: Delivery) -> bool:
    """Send a claimed delivery and record what came of it; True when it was accepted."""
    try:
        message, channel = delivery_message(delivery=delivery), delivery.channel
        answer = transport(channel.kind).send(channel.address(), message)
    except TransportError as e:
        _record_failure(delivery, e)
        return False
    except DatabaseError:
        raise
    except Exception as e:  # one message that cannot be made or sent must not stop the others
        log.exception("message failed", delivery=delivery.pk)
        _record_failure(delivery, TransportError(f"Unexpected {type(e).__name__}, see the log"))
        return False
    with transaction.atomic():
        _as_seen(delivery).update(
            status=Delivery.Status.SENT, locked_until=None, error="", sent_at=now()
        )
        _record_result(delivery.channel, error="")
    log.info("message sent", delivery=delivery.pk, channel=delivery.channel_id, answer=answer)
    return True


def channel_test(*, channel: Channel) -> str:
    """Send a test message now; returns the provider's answer, raises TransportError."""
    try:
        message = channel_test_message(kind=channel.kind)
        answer = transport(channel.kind).send(channel.address(), message)
    except TransportError as e:
        _record_result(channel, error=str(e))
        raise
    _record_result(channel, error="")
    return answer


def channel_bootstrap() -> Channel | None:
    """The first channel, from TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID, with its rules.

    It tells of warnings and worse, and of every position opened and closed. None when the settings
    are empty or a channel exists already.
    """
    token, chat = settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID
    if not (token and chat):
        return None
    with transaction.atomic():
        if Channel.objects.exists():
            return None
        channel = Channel(name="Telegram", kind="telegram", target=chat, secret=token)
        channel.full_clean()
        channel.save()
        Rule.objects.create(channel=channel, family="*", min_severity=Severity.WARNING)
        for family in ("order.filled", "position.closed"):
            Rule.objects.create(channel=channel, family=family, min_severity=Severity.INFO)
    return channel


def _deliveries(events: Iterable[Event]) -> list[Delivery]:
    """One for each event and channel of which some rule wants it."""
    rules = list(Rule.objects.filter(enabled=True, channel__enabled=True))
    wanted = [
        (event.id, rule.channel_id) for event in events for rule in rules if rule.matches(event)
    ]
    at = now()
    return [
        Delivery(event_id=event, channel_id=channel, next_try_at=at)
        for event, channel in dict.fromkeys(wanted)
    ]


def _due() -> QuerySet[Delivery]:
    at = now()
    waiting = Q(status=Delivery.Status.QUEUED, next_try_at__lte=at)
    abandoned = Q(status=Delivery.Status.SENDING, locked_until__lte=at)
    due = Delivery.objects.filter(waiting | abandoned, channel__enabled=True)
    return due.order_by("next_try_at", "id")


def _as_seen(delivery: Delivery) -> QuerySet[Delivery]:
    """The row, if nobody has claimed it since we read it."""
    return Delivery.objects.filter(
        pk=delivery.pk, status=delivery.status, attempts=delivery.attempts
    )


def _record_failure(delivery: Delivery, error: TransportError) -> None:
    with transaction.atomic():
        if error.permanent or delivery.attempts >= MOST_ATTEMPTS:
            _fail(delivery, str(error))
        else:
            _postpone(delivery, error)
        _record_result(delivery.channel, error=str(error))


def _fail(delivery: Delivery, reason: str) -> None:
    _as_seen(delivery).update(status=Delivery.Status.FAILED, locked_until=None, error=reason[:300])
    log.error("message given up", delivery=delivery.pk, error=reason)


def _postpone(delivery: Delivery, error: TransportError) -> None:
    """Try again later, and let all that waits for this channel wait as long."""
    until = now() + timedelta(seconds=_delay(delivery.attempts, error.retry_after))
    _as_seen(delivery).update(
        status=Delivery.Status.QUEUED, locked_until=None, next_try_at=until, error=str(error)[:300]
    )
    Delivery.objects.filter(
        channel=delivery.channel_id, status=Delivery.Status.QUEUED, next_try_at__lt=until
    ).update(next_try_at=until)
    log.warning("message postponed", delivery=delivery.pk, until=until, error=str(error))


def _delay(attempts: int, retry_after: float | None) -> float:
    """Seconds to the next attempt: never less than the provider asks for."""
    delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (attempts - 1))
    jitter = random.uniform(1.0, 1.2)  # noqa: S311  spreads the load, guards nothing
    return max(delay, retry_after or 0.0) * jitter


def _record_result(channel: Channel, *, error: str) -> None:
    Channel.objects.filter(pk=channel.pk).update(last_result_at=now(), last_error=error[:300])
