"""Trading accounts and how to reach them."""

from decimal import Decimal

from django.db import models
from django.utils.timezone import now

from trading.brokers import BROKERS
from trading.models.fields import EncryptedTextField


class Connection(models.Model):
    """Credentials that reach one or more accounts of a broker."""

    name = models.CharField(max_length=80, unique=True)
    token = EncryptedTextField(help_text="API token; stored encrypted, never shown again")
    created_at = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return self.name


class AccountState(models.TextChoices):
    ACTIVE = "ACTIVE", "Active"
    REDUCING = "REDUCING", "Reducing"
    HALTED = "HALTED", "Halted"


class Account(models.Model):
    """One trading account. Money columns are the broker's last word, in `currency`."""

    State = AccountState

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(
        max_length=20, help_text=f"Broker adapter, one of: {', '.join(sorted(BROKERS))}"
    )
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="accounts"
    )
    external_id = models.CharField(
        max_length=64, blank=True, help_text="The account's id at the connection"
    )
    source = models.CharField(
        max_length=40, default="simulated", help_text="Price source whose symbols it trades"
    )
    currency = models.CharField(max_length=3, default="USD")
    leverage = models.PositiveIntegerField(default=30, help_text="30 means 1:30")
    is_demo = models.BooleanField(default=True)
    state = models.CharField(
        max_length=10, choices=AccountState.choices, default=AccountState.HALTED
    )
    state_reason = models.CharField(max_length=200, blank=True, default="Waiting for the gateway")
    balance = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))
    equity = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))
    margin = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))
    day_start_equity = models.DecimalField(
        max_digits=18,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="max(balance, equity) at the last 17:00 New York, on the market's clock",
    )
    observed_at = models.DateTimeField(
        null=True, blank=True, help_text="Wall clock of the last word from the broker"
    )
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="account_state_known",
                condition=models.Q(state__in=AccountState.values),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PaperBook(models.Model):
    """The paper broker's own memory of one account, serialised by `trading.engine.book`."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="paper_book")
    state = models.JSONField()
    version = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"paper book of {self.account}"


class EquityPoint(models.Model):
    """A sample of an account's equity, for curves. `at` is the market's clock."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="equity_points")
    at = models.DateTimeField()
    balance = models.DecimalField(max_digits=18, decimal_places=2)
    equity = models.DecimalField(max_digits=18, decimal_places=2)

    class Meta:
        constraints = [
            # also serves the curve of one account, newest first
            models.UniqueConstraint(fields=["account", "at"], name="equity_point_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.at:%Y-%m-%d %H:%M} {self.equity}"
