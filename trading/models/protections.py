"""Protections: rules that rest entries after losses, and the locks they or people put on."""

from datetime import timedelta

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.timezone import now

from trading.engine.risk import Clock, Period, Scope, Unit
from trading.engine.risk.days import NEW_YORK, ROLLOVER
from trading.engine.risk.protection_rules import SCOPES, UNITS, Protection, Rule, Where
from trading.models.accounts import Account
from trading.models.limits import values_of, words_of
from trading.models.markets import Symbol
from trading.models.orders import Position, Side
from trading.models.strategies import Deployment

SCOPE_LABELS = {
    Scope.GLOBAL: "Everything together",
    Scope.ACCOUNT: "Each account",
    Scope.SYMBOL: "Each symbol of an account",
    Scope.DEPLOYMENT: "Each deployment",
}
KIND_LABELS = {
    Protection.STOP_GUARD: "Stop guard: so many losing stops",
    Protection.COOLDOWN: "Cooldown: a rest after a close",
    Protection.MAX_DRAWDOWN: "Drawdown in money, open losses included",
    Protection.LOW_PROFIT: "Low profit: too little made",
    Protection.LOSS_STREAK: "Losses in a row",
}


class ProtectionRule(models.Model):
    """What locks a place, and for how long: the row of the engine's `Rule`.

    Account, symbol and deployment narrow down what it is for; without them it is for all.
    """

    kind = models.CharField(
        max_length=12, choices=[(k.value, label) for k, label in KIND_LABELS.items()]
    )
    scope = models.CharField(
        max_length=10,
        choices=[(s.value, label) for s, label in SCOPE_LABELS.items()],
        default=Scope.ACCOUNT.value,
        help_text="What is looked at and locked as one",
    )
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="protections"
    )
    symbol = models.ForeignKey(
        Symbol, on_delete=models.CASCADE, null=True, blank=True, related_name="protections"
    )
    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, null=True, blank=True, related_name="protections"
    )
    lookback = models.PositiveIntegerField(
        default=1440, validators=[MinValueValidator(1)], help_text="Minutes; older trades are over"
    )
    trades = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1)], help_text="Fewer lock nothing"
    )
    threshold = models.DecimalField(
        max_digits=18,
        decimal_places=4,
        default=0,
        help_text="Drawdown allowed; profit required, below 0 for a loss allowed; otherwise the "
        "least loss that counts",
    )
    unit = models.CharField(max_length=20, choices=words_of(UNITS), default=Unit.MONEY.value)
    per_side = models.BooleanField(default=False, help_text="Look at and lock each side by itself")
    with_open = models.BooleanField(default=True, help_text="Open losses count")
    lock_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How long it locks; empty: until the next reset",
    )
    reset = models.TimeField(default=ROLLOVER, help_text="When a day starts, on the zone's clock")
    zone = models.CharField(max_length=64, default=NEW_YORK, help_text="IANA time zone")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="protection_words_known",
                condition=models.Q(
                    kind__in=[kind.value for kind in Protection],
                    scope__in=[scope.value for scope in SCOPES],
                    unit__in=values_of(UNITS),
                ),
            ),
            models.CheckConstraint(
                name="protection_counts_something",
                condition=models.Q(lookback__gte=1, trades__gte=1)
                & (models.Q(lock_minutes__isnull=True) | models.Q(lock_minutes__gte=1)),
            ),
        ]

    def __str__(self) -> str:
        return f"{Protection(self.kind).value.replace('_', ' ').capitalize()} #{self.pk}"

    def rule(self) -> Rule:
        """The engine's value of this row; EngineError when its numbers make no sense."""
        minutes = self.lock_minutes
        return Rule(
            id=self.pk or 0,
            kind=Protection(self.kind),
            scope=Scope(self.scope),
            where=Where(self.account_id, self.symbol_id, self.deployment_id),
            lookback=timedelta(minutes=self.lookback),
            trades=self.trades,
            threshold=self.threshold,
            unit=Unit(self.unit),
            per_side=self.per_side,
            with_open=self.with_open,
            duration=None if minutes is None else timedelta(minutes=minutes),
            clock=Clock(Period.DAY, self.reset, self.zone),
        )


class Lock(models.Model):
    """No entries of an account, on a symbol, of a deployment; of all where the column is empty.

    It holds until it expires, or until a permitted person releases it with a reason.
    """

    rule = models.ForeignKey(
        ProtectionRule, on_delete=models.SET_NULL, null=True, blank=True, related_name="locks"
    )
    trade = models.ForeignKey(
        Position,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="locks",
        help_text="The position that triggered the rule",
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="locks"
    )
    symbol = models.ForeignKey(
        Symbol, on_delete=models.PROTECT, null=True, blank=True, related_name="locks"
    )
    deployment = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, null=True, blank=True, related_name="locks"
    )
    side = models.SmallIntegerField(
        choices=Side.choices, null=True, blank=True, help_text="Empty: both sides"
    )
    reason = models.CharField(max_length=200)
    locked_by = models.CharField(max_length=80)
    locked_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Wall clock; empty: until somebody releases it"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=80, blank=True)
    end_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        permissions = [("release_lock", "Can release a lock on entries")]
        constraints = [
            # what triggered a rule triggers it no more
            models.UniqueConstraint(fields=["rule", "trade"], name="lock_once_a_trade"),
        ]
        indexes = [
            # the gate's question: what holds now
            models.Index(
                fields=["account"],
                condition=models.Q(ended_at__isnull=True),
                name="lock_holding",
            ),
        ]

    def __str__(self) -> str:
        side = f", {Side(self.side).label.lower()} only" if self.side is not None else ""
        return f"Lock on {self.scope}{side}"

    @property
    def scope(self) -> str:
        """What it locks, in words."""
        if self.deployment is not None:
            return str(self.deployment)
        parts = [self.symbol.name if self.symbol else "", str(self.account or "")]
        return " of ".join(part for part in parts if part) or "everything"
