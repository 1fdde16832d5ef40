"""Trading accounts and how to reach them."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
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


class ManualPolicy(models.TextChoices):
    """What to do about positions that a person opened in a terminal."""

    COUNT = "COUNT", "Count them in every limit; only FLATTEN closes them"
    ADOPT = "ADOPT", "Adopt: protect them with a stop, close them with the account"
    FREEZE = "FREEZE", "Count them, and no entries on their symbol while they are open"


class UnprotectedPolicy(models.TextChoices):
    """What to do about a position of ours that has no stop."""

    REPAIR = "REPAIR", "Give it its stop again; close it when that fails"
    CLOSE = "CLOSE", "Close it at once"
    ACCEPT = "ACCEPT", "Leave it and tell"


class Platform(models.TextChoices):
    MT4 = "mt4", "MetaTrader 4"
    MT5 = "mt5", "MetaTrader 5"


class PositionMode(models.TextChoices):
    HEDGING = "HEDGING", "Hedging: every entry is a position of its own"
    NETTING = "NETTING", "Netting: one position for each symbol"


class Account(models.Model):
    """One trading account. Money columns are the broker's last word, in `currency`."""

    State = AccountState
    ManualPolicy = ManualPolicy
    UnprotectedPolicy = UnprotectedPolicy
    PositionMode = PositionMode
    Platform = Platform

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
    platform = models.CharField(
        max_length=3, choices=Platform.choices, blank=True, help_text="Empty for paper accounts"
    )
    server = models.CharField(max_length=80, blank=True, help_text="The broker's trade server")
    login = models.CharField(
        max_length=20, blank=True, help_text="Login at the broker, all but its end masked"
    )
    region = models.CharField(max_length=40, blank=True, help_text="Where its terminal runs")
    remote_state = models.CharField(
        max_length=40, blank=True, help_text="What the connection says of it, e.g. DEPLOYED"
    )
    currency = models.CharField(max_length=3, default="USD")
    leverage = models.PositiveIntegerField(default=30, help_text="30 means 1:30")
    is_demo = models.BooleanField(default=True)
    position_mode = models.CharField(
        max_length=7, choices=PositionMode.choices, default=PositionMode.HEDGING
    )
    manual_policy = models.CharField(
        max_length=6,
        choices=ManualPolicy.choices,
        default=ManualPolicy.COUNT,
        help_text="Positions opened by hand in the terminal",
    )
    unprotected_policy = models.CharField(
        max_length=6,
        choices=UnprotectedPolicy.choices,
        default=UnprotectedPolicy.REPAIR,
        help_text="Positions of ours without a stop, acted on within five seconds",
    )
    adopt_risk_percent = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=Decimal("1.00"),
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(100))],
        help_text="Percent of equity an adopted position without a stop may lose: its stop is "
        "placed there",
    )
    state = models.CharField(
        max_length=10, choices=AccountState.choices, default=AccountState.HALTED
    )
    state_reason = models.CharField(max_length=200, blank=True, default="Waiting for the gateway")
    balance = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))
    equity = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))
    margin = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))
    initial_balance = models.DecimalField(
        max_digits=18,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text="What drawdowns count from; empty: the balance when it was first read",
    )
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
    mismatches = models.PositiveSmallIntegerField(
        default=0, help_text="Readings in a row at which the broker and our records differed"
    )
    reconciled_to = models.DateTimeField(
        null=True, blank=True, help_text="Broker's clock of the last complete reconciliation"
    )
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="account_state_known",
                condition=models.Q(state__in=AccountState.values),
            ),
            models.CheckConstraint(
                name="account_policies_known",
                condition=models.Q(
                    manual_policy__in=ManualPolicy.values,
                    unprotected_policy__in=UnprotectedPolicy.values,
                    position_mode__in=PositionMode.values,
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountGroup(models.Model):
    """Accounts that are limited together; an account may be in several groups."""

    name = models.CharField(max_length=80, unique=True)
    accounts = models.ManyToManyField(Account, blank=True, related_name="groups")
    currency = models.CharField(
        max_length=3, default="USD", help_text="What its sums are expressed in"
    )
    created_at = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return self.name


class PaperBook(models.Model):
    """The paper broker's own memory of one account, serialised by `trading.engine.book`."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="paper_book")
    state = models.JSONField()
    version = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"paper book of {self.account}"


class PaperDeal(models.Model):
    """One deal of a paper account, written in the transaction that changed its book."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="paper_deals")
    deal_id = models.CharField(max_length=40)
    at = models.DateTimeField(help_text="The market's clock")
    fill = models.JSONField(help_text="The deal as the engine's value")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "deal_id"], name="paper_deal_once"),
        ]
        indexes = [
            # the deals of an account since a moment
            models.Index(fields=["account", "at"], name="paper_deal_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.deal_id}"


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
