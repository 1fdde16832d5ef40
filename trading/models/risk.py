"""Risk limits as rows, the switches that stop trading, and the breaches that pulled them."""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import and_, or_

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from trading.engine.risk import Action, Control, Period, Reference, Scope, Trailing, Unit
from trading.engine.risk.days import NEW_YORK, ROLLOVER
from trading.models.accounts import Account, AccountGroup
from trading.models.markets import Symbol
from trading.models.strategies import Deployment

SHARES = [Unit.PERCENT_INITIAL.value, Unit.PERCENT_REFERENCE.value]
"""Units of which nobody can lose more than 100."""
TARGETS = ("group", "account", "currency", "symbol", "deployment")
"""Columns that say what a limit was set for; at most one has a value."""
CONTROL_CHOICES = [(c.value, c.label) for c in Control]


_LABELS: Mapping[str, str] = {
    Unit.MEDIANS: "Times the median",
    Unit.ATRS: "Times the average true range",
    Unit.PERCENT_EQUITY: "Percent of equity",
    Unit.PERCENT_INITIAL: "Percent of the initial balance",
    Unit.PERCENT_REFERENCE: "Percent of the reference",
    Unit.FLAG: "On",
}
Word = Unit | Action | Period | Reference | Trailing


def words_of(kind: Iterable[Word]) -> list[tuple[str, str]]:
    """Choices of the engine's words, to be read."""
    return [(word.value, _LABELS.get(word.value, _spoken(word))) for word in kind]


def _spoken(word: Word) -> str:
    return word.value.replace("_", " ").capitalize()


def values_of(kind: Iterable[Word]) -> list[str]:
    return [word.value for word in kind]


def _only(kept: str) -> models.Q:
    """Holds where no target column but `kept` has a value."""
    others = [name for name in TARGETS if name != kept]
    unset = {n: models.Q(currency="") if n == "currency" else _null(n) for n in others}
    return reduce(and_, unset.values())


def _null(name: str) -> models.Q:
    return models.Q(**{f"{name}__isnull": True})


class RiskLimit(models.Model):
    """One limit: for everything, or for one group, account, currency, symbol or deployment.

    The row of the engine's `Limit`. What depends on the control (its units, actions, scopes) is
    checked there; what holds for every limit the database refuses itself.
    """

    control = models.CharField(max_length=24, choices=CONTROL_CHOICES)
    group = models.ForeignKey(
        AccountGroup, on_delete=models.CASCADE, null=True, blank=True, related_name="risk_limits"
    )
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="risk_limits"
    )
    currency = models.CharField(max_length=8, blank=True, help_text="Code, for example EUR")
    symbol = models.ForeignKey(
        Symbol, on_delete=models.CASCADE, null=True, blank=True, related_name="risk_limits"
    )
    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, null=True, blank=True, related_name="risk_limits"
    )
    value = models.DecimalField(
        max_digits=18, decimal_places=4, validators=[MinValueValidator(0)], help_text="In the unit"
    )
    unit = models.CharField(max_length=20, choices=words_of(Unit))
    action = models.CharField(
        max_length=8, choices=words_of(Action), help_text="What a breach leads to"
    )
    period = models.CharField(
        max_length=5, choices=words_of(Period), blank=True, help_text="Of a loss: when it starts"
    )
    reset = models.TimeField(
        default=ROLLOVER, help_text="When a period starts, on the zone's clock"
    )
    zone = models.CharField(max_length=64, default=NEW_YORK, help_text="IANA time zone")
    window = models.PositiveIntegerField(
        null=True, blank=True, help_text="Seconds over which it counts"
    )
    reference = models.CharField(
        max_length=8,
        choices=words_of(Reference),
        default=Reference.HIGHER.value,
        help_text="What a loss counts from, as it was at the reset",
    )
    trailing = models.CharField(
        max_length=14,
        choices=words_of(Trailing),
        default=Trailing.STATIC.value,
        help_text="The peak that a drawdown counts from",
    )
    lock = models.DecimalField(
        max_digits=8,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="Where a trailing floor stops rising, percent above the initial balance",
    )
    hedge_credit = models.BooleanField(
        default=True,
        help_text="Of correlated exposure: positions that offset each other count less",
    )
    hard = models.BooleanField(
        default=True, help_text="A breach holds until a person lets go of it, not until the reset"
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="risk_limit_one_target",
                condition=reduce(or_, map(_only, TARGETS)),
                violation_error_message="Expected one target at most, or none for everything",
            ),
            models.CheckConstraint(
                name="risk_limit_words_known",
                condition=models.Q(
                    unit__in=values_of(Unit),
                    action__in=values_of(Action),
                    period__in=["", *values_of(Period)],
                    reference__in=values_of(Reference),
                    trailing__in=values_of(Trailing),
                ),
            ),
            models.CheckConstraint(
                name="risk_limit_not_negative", condition=models.Q(value__gte=0)
            ),
            models.CheckConstraint(
                name="risk_limit_share_within_all",
                condition=~models.Q(unit__in=SHARES) | models.Q(value__lte=100),
            ),
            models.CheckConstraint(
                name="risk_limit_flag_is_one",
                condition=~models.Q(unit=Unit.FLAG.value) | models.Q(value=1),
            ),
            models.CheckConstraint(
                name="risk_limit_window_not_empty",
                condition=models.Q(window__isnull=True) | models.Q(window__gt=0),
            ),
            models.CheckConstraint(
                name="risk_limit_lock_of_a_trail",
                condition=models.Q(lock__isnull=True)
                | (models.Q(lock__gte=0) & ~models.Q(trailing=Trailing.STATIC.value)),
            ),
            models.UniqueConstraint(
                "control",
                "unit",
                "action",
                "period",
                "trailing",
                "currency",
                *(Coalesce(name, 0) for name in TARGETS if name != "currency"),
                name="risk_limit_once",
                violation_error_message="Such a limit exists: change that one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.control} {self.value.normalize():f} ({self.scope})"

    @property
    def scope(self) -> str:
        """Where it applies, in words."""
        found = self.deployment or self.symbol or self.currency or self.account or self.group
        return str(found or "global")

    @property
    def target(self) -> tuple[Scope, str]:
        """Where it applies, in the words of the engine's `Limit`."""
        if self.currency:
            return Scope.CURRENCY, self.currency
        for scope in (Scope.DEPLOYMENT, Scope.SYMBOL, Scope.ACCOUNT, Scope.GROUP):
            pk = getattr(self, f"{scope.lower()}_id")
            if pk is not None:
                return scope, str(pk)
        return Scope.GLOBAL, ""


class Breach(models.Model):
    """A limit that was broken, once for each period until a person lets go of it.

    Without account, deployment and group it is of everything together. The switches it has pulled
    point to it.
    """

    limit = models.ForeignKey(
        RiskLimit, on_delete=models.SET_NULL, null=True, blank=True, related_name="breaches"
    )
    control = models.CharField(max_length=24, choices=CONTROL_CHOICES)
    action = models.CharField(max_length=8, choices=words_of(Action))
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="breaches"
    )
    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, null=True, blank=True, related_name="breaches"
    )
    group = models.ForeignKey(
        AccountGroup, on_delete=models.CASCADE, null=True, blank=True, related_name="breaches"
    )
    began = models.DateTimeField(help_text="Start of the period it belongs to, UTC")
    ends = models.DateTimeField(
        null=True, blank=True, help_text="When it ends by itself; empty: a person ends it"
    )
    code = models.CharField(max_length=40)
    message = models.CharField(max_length=300)
    numbers = models.JSONField(default=dict, help_text="What was compared")
    at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=80, blank=True)

    class Meta:
        verbose_name_plural = "breaches"
        constraints = [
            models.UniqueConstraint(
                "control",
                "action",
                "began",
                *(Coalesce(name, 0) for name in ("account", "deployment", "group")),
                condition=models.Q(ended_at__isnull=True),
                name="breach_once_a_period",
            ),
            models.CheckConstraint(
                name="breach_ended_by_somebody",
                condition=models.Q(ended_at__isnull=True) | ~models.Q(ended_by=""),
            ),
        ]
        indexes = [
            # what holds now
            models.Index(
                fields=["account"],
                condition=models.Q(ended_at__isnull=True),
                name="breach_holding",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.control} of {self.scope}"

    @property
    def scope(self) -> str:
        """Whose limit it was, in words."""
        return str(self.deployment or self.account or self.group or "everything")


class KillMode(models.TextChoices):
    HALT = "HALT", "Halt: nothing that strategies want"
    REDUCE = "REDUCE", "Reduce: no entries, exits go on"
    FLATTEN = "FLATTEN", "Flatten: no entries, close everything"


class KillSwitch(models.Model):
    """A switch that was pulled: latched until a permitted person re-arms it with a reason.

    Without account, deployment and symbol it is global.
    """

    mode = models.CharField(max_length=7, choices=KillMode.choices)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="kill_switches"
    )
    deployment = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, null=True, blank=True, related_name="kill_switches"
    )
    symbol = models.ForeignKey(
        Symbol, on_delete=models.PROTECT, null=True, blank=True, related_name="kill_switches"
    )
    breach = models.ForeignKey(
        Breach, on_delete=models.PROTECT, null=True, blank=True, related_name="kill_switches"
    )
    reason = models.CharField(max_length=200)
    pulled_by = models.CharField(max_length=80)
    pulled_at = models.DateTimeField(default=now)
    rearmed_by = models.CharField(max_length=80, blank=True)
    rearmed_at = models.DateTimeField(null=True, blank=True)
    rearm_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "kill switches"
        permissions = [("rearm_killswitch", "Can re-arm a kill switch")]
        indexes = [
            # the gate's question: what is pulled now
            models.Index(
                fields=["account"],
                condition=models.Q(rearmed_at__isnull=True),
                name="kill_switch_pulled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mode} {self.scope}"

    @property
    def scope(self) -> str:
        """What it stops, in words."""
        return str(self.deployment or self.symbol or self.account or "everything")
