"""What loss limits count from: balance and equity at every reset, and the peaks since then."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from trading.engine.risk import DrawdownState, Period
from trading.engine.risk.days import NEW_YORK, ROLLOVER
from trading.models.accounts import Account, AccountGroup
from trading.models.limits import words_of
from trading.models.strategies import Deployment


class DayMark(models.Model):
    """An account as a period began, by one clock. Append-only but for `moved`."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="day_marks")
    period = models.CharField(max_length=5, choices=words_of(Period), default=Period.DAY.value)
    reset = models.TimeField(default=ROLLOVER)
    zone = models.CharField(max_length=64, default=NEW_YORK)
    began = models.DateTimeField(help_text="When the period began, UTC")
    balance = models.DecimalField(max_digits=18, decimal_places=2)
    equity = models.DecimalField(max_digits=18, decimal_places=2)
    moved = models.DecimalField(
        max_digits=18,
        decimal_places=2,
        default=Decimal(0),
        help_text="Deposits less withdrawals within the period",
    )
    seen_at = models.DateTimeField(default=now, help_text="When it was read, wall clock")

    class Meta:
        constraints = [
            # also serves the days of one account, newest first
            models.UniqueConstraint(
                fields=["account", "period", "reset", "zone", "began"], name="day_mark_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.began:%Y-%m-%d %H:%M} {self.balance}"


class BalanceMove(models.Model):
    """A deposit (+) or withdrawal (-), once for each deal of the broker."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="balance_moves")
    deal_id = models.CharField(max_length=40)
    amount = models.DecimalField(max_digits=18, decimal_places=2)
    at = models.DateTimeField(help_text="The market's clock")
    counted_at = models.DateTimeField(
        null=True, blank=True, help_text="When marks and states took it into account, wall clock"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "deal_id"], name="balance_move_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount:+}"


class LossState(models.Model):
    """What the floors of one subject remember for one clock: the row of `DrawdownState`.

    The subject is an account, a deployment's own stream, a group, or without any of them
    everything together.
    """

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="loss_states"
    )
    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, null=True, blank=True, related_name="loss_states"
    )
    group = models.ForeignKey(
        AccountGroup, on_delete=models.CASCADE, null=True, blank=True, related_name="loss_states"
    )
    period = models.CharField(max_length=5, choices=words_of(Period), default=Period.DAY.value)
    reset = models.TimeField(default=ROLLOVER)
    zone = models.CharField(max_length=64, default=NEW_YORK)
    initial = models.DecimalField(max_digits=18, decimal_places=2)
    balance = models.DecimalField(max_digits=18, decimal_places=2)
    equity = models.DecimalField(max_digits=18, decimal_places=2)
    highest_start = models.DecimalField(max_digits=18, decimal_places=2)
    highest_balance = models.DecimalField(max_digits=18, decimal_places=2)
    highest_equity = models.DecimalField(max_digits=18, decimal_places=2)
    started = models.DateTimeField(help_text="When the period began, UTC")
    start_balance = models.DecimalField(max_digits=18, decimal_places=2)
    start_equity = models.DecimalField(max_digits=18, decimal_places=2)
    read_at = models.DateTimeField(help_text="Market's clock of the newest reading")
    updated_at = models.DateTimeField(default=now, help_text="When that was, wall clock")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                *(Coalesce(name, 0) for name in ("account", "deployment", "group")),
                "period",
                "reset",
                "zone",
                name="loss_state_once",
            ),
            models.CheckConstraint(
                name="loss_state_of_one_subject",
                condition=models.Q(account__isnull=True, deployment__isnull=True)
                | models.Q(account__isnull=True, group__isnull=True)
                | models.Q(deployment__isnull=True, group__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        subject = self.deployment or self.account or self.group or "everything"
        return f"{subject} by {self.reset:%H:%M} {self.zone}"

    def state(self) -> DrawdownState:
        """The engine's value of this row."""
        return DrawdownState(
            initial=self.initial,
            balance=self.balance,
            equity=self.equity,
            highest_start=self.highest_start,
            highest_balance=self.highest_balance,
            highest_equity=self.highest_equity,
            started=self.started,
            start_balance=self.start_balance,
            start_equity=self.start_equity,
        )


class BestDayOf(models.TextChoices):
    """What the profit of the best day is a share of."""

    TOTAL = "TOTAL", "The total profit"
    POSITIVE_DAYS = "POSITIVE_DAYS", "The sum of the days with a profit"


class Challenge(models.Model):
    """What a programme wants of an account beyond its limits, to be shown as progress."""

    BestDayOf = BestDayOf

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="challenge")
    name = models.CharField(max_length=80, help_text="Programme and phase")
    started_at = models.DateTimeField(default=now, help_text="Days before it do not count")
    profit_target = models.DecimalField(
        max_digits=6,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Percent of the initial balance; empty: none",
    )
    min_days = models.PositiveSmallIntegerField(default=0, help_text="Days with an entry")
    min_profit_days = models.PositiveSmallIntegerField(
        default=0, help_text="Days that made the profit of a day"
    )
    day_profit = models.DecimalField(
        max_digits=6,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(0)],
        help_text="Profit of such a day, percent of the initial balance",
    )
    best_day = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="Most that the best day may make up, percent; empty: no such rule",
    )
    best_day_of = models.CharField(
        max_length=13, choices=BestDayOf.choices, default=BestDayOf.TOTAL
    )
    reset = models.TimeField(default=ROLLOVER, help_text="When a day starts, on the zone's clock")
    zone = models.CharField(max_length=64, default=NEW_YORK, help_text="IANA time zone")
    note = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.name} on {self.account}"
