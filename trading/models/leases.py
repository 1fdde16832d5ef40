"""Who runs an account or a simulated market, and which installation this is."""

import secrets

from django.db import models
from django.utils.timezone import now

from trading.models.accounts import Account
from trading.models.markets import SimulatedMarket


class LeaseState(models.TextChoices):
    STARTING = "STARTING", "Starting: not reconciled yet"
    READY = "READY", "Ready: reconciled"


class Lease(models.Model):
    """The right of one gateway to run an account or a simulated market.

    The row stays when its owner goes; `epoch` grows with every owner. Ticks are seconds of the
    clock of `trading.services.clock`, comparable only while `boot` is the same.
    """

    State = LeaseState

    account = models.OneToOneField(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="lease"
    )
    market = models.OneToOneField(
        SimulatedMarket, on_delete=models.CASCADE, null=True, blank=True, related_name="lease"
    )
    owner = models.CharField(max_length=80, blank=True, help_text="Process that holds it")
    host = models.CharField(
        max_length=120, blank=True, help_text="Directory whose file locks prove the owner's death"
    )
    boot = models.CharField(max_length=40, blank=True, help_text="Which clock the ticks are of")
    epoch = models.PositiveBigIntegerField(default=0, help_text="Grows with every owner")
    expires_tick = models.FloatField(default=0.0)
    seen_tick = models.FloatField(
        default=0.0, help_text="When the owner last read the account at its broker"
    )
    state = models.CharField(max_length=8, choices=LeaseState.choices, default=LeaseState.STARTING)
    min_build = models.PositiveBigIntegerField(
        default=0, help_text="Builds older than this neither take nor use the lease"
    )
    acquired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="lease_of_one_thing",
                condition=models.Q(account__isnull=True) ^ models.Q(market__isnull=True),
            ),
            models.CheckConstraint(
                name="lease_state_known", condition=models.Q(state__in=LeaseState.values)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account or self.market}, epoch {self.epoch}"


def installation_epoch() -> str:
    """A random mark that no other installation has."""
    return secrets.token_hex(16)


class Installation(models.Model):
    """This installation, one row: part of every client id."""

    epoch = models.CharField(max_length=32, default=installation_epoch)
    created_at = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return self.epoch


class QuoteBoard(models.Model):
    """The newest quotes of one price source, for readers whose cache is gone; never a history."""

    source = models.CharField(max_length=40, unique=True)
    quotes = models.JSONField(default=dict)
    updated_at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return self.source
