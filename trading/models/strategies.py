"""Strategies, where they are deployed, and every bar they were asked about."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.timezone import now

from trading.models.accounts import Account
from trading.models.markets import Symbol, Timeframe


class Strategy(models.Model):
    """A strategy of the registry with its parameters."""

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=40, help_text="Name in the strategy registry")
    params = models.JSONField(default=dict, blank=True)
    description = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name_plural = "strategies"

    def __str__(self) -> str:
        return self.name


class DeploymentState(models.TextChoices):
    RUNNING = "RUNNING", "Running"
    PAUSED = "PAUSED", "Paused"


class Deployment(models.Model):
    """A strategy trading one symbol and timeframe on one account. Its id is its magic number."""

    State = DeploymentState

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="deployments")
    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="deployments")
    symbol = models.ForeignKey(Symbol, on_delete=models.PROTECT, related_name="deployments")
    timeframe = models.CharField(max_length=3, choices=Timeframe.choices)
    risk_percent = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=Decimal("0.50"),
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(10))],
        help_text="Percent of min(balance, equity) lost when the stop is hit",
    )
    state = models.CharField(
        max_length=10, choices=DeploymentState.choices, default=DeploymentState.PAUSED
    )
    hours = models.CharField(
        max_length=200,
        blank=True,
        help_text="When it may enter, e.g. Mon-Fri 08:00-17:00 Europe/London; empty: always",
    )
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        indexes = [
            # the gateway's question at every closed bar
            models.Index(fields=["symbol", "timeframe", "state"], name="deployment_by_bar"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "strategy", "symbol", "timeframe"], name="deployment_once"
            ),
            models.CheckConstraint(
                name="deployment_state_known",
                condition=models.Q(state__in=DeploymentState.values),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} on {self.symbol.name} {self.timeframe}"


class RunState(models.TextChoices):
    QUEUED = "QUEUED", "Queued"
    CLAIMED = "CLAIMED", "Claimed"
    DONE = "DONE", "Done"
    EXPIRED = "EXPIRED", "Expired"
    FAILED = "FAILED", "Failed"


class StrategyRun(models.Model):
    """One deployment asked about one closed bar: claimed once, its answer always written."""

    State = RunState

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="runs")
    bar_open = models.DateTimeField(help_text="Open time of the closed bar, UTC")
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(
        max_length=10, blank=True, help_text="ENTRY, EXIT, DENIED or HOLD once it is done"
    )
    code = models.CharField(max_length=40, blank=True, help_text="Reason code of a refusal")
    message = models.CharField(max_length=300, blank=True)
    numbers = models.JSONField(default=dict, help_text="Signal, limits and sizing factors")
    queued_at = models.DateTimeField(default=now)
    deadline = models.DateTimeField(help_text="When the sweeper may take it over")
    expires_at = models.DateTimeField(help_text="When its signal is too old to act on")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deployment", "bar_open"], name="run_once_per_bar"),
            models.CheckConstraint(
                name="run_state_known", condition=models.Q(state__in=RunState.values)
            ),
        ]
        indexes = [
            # the sweeper's question: unfinished and overdue
            models.Index(
                fields=["deadline"],
                condition=models.Q(state__in=["QUEUED", "CLAIMED"]),
                name="run_overdue",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deployment} @ {self.bar_open:%Y-%m-%d %H:%M}"
