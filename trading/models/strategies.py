"""Strategies, where they are deployed, and every bar they were asked about."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.timezone import now

from trading.engine.sizing import PERCENT_AT_STOP, Base, Method, SizingRule
from trading.engine.types import EngineError
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
        help_text="Percent of the base that is lost when the stop is hit; of KELLY the most",
    )
    sizing_method = models.CharField(
        max_length=10,
        choices=[(method.value, method.label) for method in Method],
        default=Method.FRACTIONAL.value,
        help_text="What the size of a trade is found by",
    )
    sizing_value = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="FIXED: lots. MONEY: account currency lost at the stop. VOLATILITY: percent of "
        "the base a year. Others go by the risk percent",
    )
    sizing_base = models.CharField(
        max_length=11,
        choices=[(base.value, base.label) for base in Base],
        default=Base.LESSER.value,
        help_text="Which money the percent is of",
    )
    atr_multiple = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=Decimal(2),
        help_text="ATR: the loss is counted over so many ATR, or to the stop when it is farther",
    )
    measured_bars = models.PositiveSmallIntegerField(
        default=20, help_text="ATR and VOLATILITY: closed bars they are measured over, 2 to 500"
    )
    kelly_start_percent = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=Decimal(0),
        help_text="KELLY: percent of the base at risk until there are 100 trades; 0 = no entry",
    )
    drawdown_from = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="Percent of drawdown from which trades get smaller; empty = they do not",
    )
    drawdown_to = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="Percent of drawdown at which there are none",
    )
    curve_factor = models.DecimalField(
        max_digits=3,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="Sizes are multiplied with it while the net profit of this deployment is below "
        "its mean of 20 trades, 0 to 1; empty = they are not",
    )
    gap_ticks = models.PositiveIntegerField(
        default=0, help_text="Ticks a price may jump over the stop, counted as loss"
    )
    expected_nights = models.PositiveSmallIntegerField(
        default=0, help_text="Nights a position is held: the swap they cost is counted as loss"
    )
    max_risk_coefficient = models.DecimalField(
        max_digits=4,
        decimal_places=2,
        default=Decimal(1),
        help_text="The broker's smallest order is taken where it is at most so many times the size "
        "found, 1 to 10; 1 = never",
    )
    max_leverage = models.DecimalField(
        max_digits=6,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="How many times the equity everything open may be worth after the order; empty "
        "= not limited",
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
            models.CheckConstraint(
                name="deployment_sizing_known",
                condition=models.Q(
                    sizing_method__in=[method.value for method in Method],
                    sizing_base__in=[base.value for base in Base],
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} on {self.symbol.name} {self.timeframe}"

    @property
    def size_text(self) -> str:
        """Method and value, for lists."""
        method = Method(self.sizing_method)
        value = self.risk_percent if method in PERCENT_AT_STOP else self.sizing_value
        unit = {Method.FIXED: " lots", Method.MONEY: ""}.get(method, " %")
        return f"{method} {'none' if value is None else f'{value.normalize():f}'}{unit}"

    def sizing(self) -> SizingRule:
        """The engine's value of its columns; EngineError when they make no sense."""
        method = Method(self.sizing_method)
        value = self.risk_percent if method in PERCENT_AT_STOP else self.sizing_value
        if value is None:
            raise EngineError(f"Expected a sizing value for {method}, was none")
        return SizingRule(
            method=method,
            value=value,
            base=Base(self.sizing_base),
            atr_multiple=self.atr_multiple,
            window=self.measured_bars,
            start_percent=self.kelly_start_percent,
            drawdown_from=self.drawdown_from,
            drawdown_to=self.drawdown_to,
            curve_factor=self.curve_factor,
            gap_ticks=self.gap_ticks,
            nights=self.expected_nights,
            max_risk_coefficient=self.max_risk_coefficient,
            max_leverage=self.max_leverage,
        )


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
