"""Where messages go, which events become messages, and what became of each."""

from cryptography.fernet import InvalidToken
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.timezone import now

from notifications.transports import transport
from notifications.transports.base import Address, TransportError
from trading.models import Account, Event, Severity
from trading.models.fields import EncryptedTextField


class ChannelManager(models.Manager["Channel"]):
    """Leaves the secret in the database until it is needed: lists must work without the keys."""

    def get_queryset(self) -> models.QuerySet["Channel"]:
        return super().get_queryset().defer("secret")


class Channel(models.Model):
    """A way to reach people. While it is disabled no event is kept for it."""

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=20, help_text="How messages travel")
    target = models.CharField(
        max_length=300,
        help_text="Telegram: a chat id or @channelname. E-mail: addresses, separated by commas",
    )
    secret = EncryptedTextField(
        blank=True, help_text="Telegram: the token of the bot; stored encrypted, never shown again"
    )
    enabled = models.BooleanField(default=True)
    last_result_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(
        max_length=300, blank=True, editable=False, help_text="Empty when the last message went out"
    )
    created_at = models.DateTimeField(default=now, editable=False)

    objects = ChannelManager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            transport(self.kind).check(self.address())
        except (TransportError, ValueError) as e:
            raise ValidationError(str(e)) from e

    def address(self) -> Address:
        """The transport's value of this row; TransportError when no key opens the secret."""
        try:
            return Address(target=self.target, secret=self.secret)
        except InvalidToken:
            reason = "Expected a secret that one of FIELD_KEYS opens: enter it anew"
            raise TransportError(reason, permanent=True) from None


class Rule(models.Model):
    """Which events a channel is told of."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="rules")
    family = models.CharField(
        max_length=60,
        default="*",
        validators=[
            RegexValidator(
                r"^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?)\Z",
                "Expected *, a kind, or a family like order.*",
            )
        ],
        help_text="Kind of event: one (order.filled), a family (order.*) or all (*)",
    )
    min_severity = models.PositiveSmallIntegerField(
        "least severity", choices=Severity.choices, default=Severity.WARNING
    )
    account = models.ForeignKey(
        Account,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="notification_rules",
        help_text="Empty: events of every account, and those of none",
    )
    enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"{self.family} from {self.get_min_severity_display()}"

    def matches(self, event: Event) -> bool:
        """Is this event to be told?"""
        if event.severity < self.min_severity:
            return False
        if self.account_id is not None and self.account_id != event.account_id:
            return False
        if self.family.endswith("*"):
            return event.kind.startswith(self.family[:-1])
        return event.kind == self.family


class DeliveryStatus(models.TextChoices):
    QUEUED = "QUEUED", "Queued"
    SENDING = "SENDING", "Sending"
    SENT = "SENT", "Sent"
    FAILED = "FAILED", "Failed"


class Delivery(models.Model):
    """One event on its way to one channel."""

    Status = DeliveryStatus

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    status = models.CharField(
        max_length=7, choices=DeliveryStatus.choices, default=DeliveryStatus.QUEUED
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=now)
    locked_until = models.DateTimeField(
        null=True, blank=True, help_text="While it is being sent: when another may take it over"
    )
    possible_duplicate = models.BooleanField(
        default=False, help_text="An attempt was interrupted, so it may have arrived before"
    )
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["event", "channel"], name="delivery_once"),
            models.CheckConstraint(
                name="delivery_status_known", condition=models.Q(status__in=DeliveryStatus.values)
            ),
        ]
        indexes = [
            # the notifier's question: what is due
            models.Index(
                fields=["next_try_at", "id"],
                condition=models.Q(status__in=["QUEUED", "SENDING"]),
                name="delivery_due",
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk} of event {self.event_id}"


class Cursor(models.Model):
    """How far the event log has been matched against the rules."""

    name = models.CharField(max_length=20, unique=True)
    last_event_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} up to {self.last_event_id}"
