"""What happened: an append-only log, chained by hashes."""

from django.db import models

from trading.models.accounts import Account
from trading.models.strategies import Deployment


class Severity(models.IntegerChoices):
    DEBUG = 10, "Debug"
    INFO = 20, "Info"
    WARNING = 30, "Warning"
    ERROR = 40, "Error"
    CRITICAL = 50, "Critical"


class Event(models.Model):
    """One happening of dotted `kind`, e.g. order.filled. Ids grow in the order of commit."""

    kind = models.CharField(max_length=60)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.INFO)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="events"
    )
    deployment = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, null=True, blank=True, related_name="events"
    )
    message = models.CharField(max_length=300)
    payload = models.JSONField(default=dict)
    at = models.DateTimeField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        indexes = [
            # events of one family, newest first
            models.Index(fields=["kind", "-id"], name="event_by_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"
