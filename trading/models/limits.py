"""Risk limits as rows, and the engine's values that they make."""

from collections.abc import Iterable, Mapping
from datetime import time
from decimal import Decimal
from functools import lru_cache, reduce
from operator import and_, or_
from typing import NamedTuple

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from trading.engine.risk import (
    Action,
    Control,
    Limit,
    Period,
    Reference,
    Scope,
    Trailing,
    Unit,
)
from trading.engine.risk.days import NEW_YORK, ROLLOVER
from trading.engine.types import EngineError
from trading.models.accounts import Account, AccountGroup
from trading.models.markets import Symbol
from trading.models.strategies import Deployment

SHARES = [Unit.PERCENT_INITIAL.value, Unit.PERCENT_REFERENCE.value]
"""Units of which nobody can lose more than 100."""
TARGETS = ("group", "account", "currency", "symbol", "deployment")
"""Columns that say what a limit was set for; at most one has a value."""


_LABELS: Mapping[str, str] = {
    Unit.MEDIANS: "Times the median",
    Unit.ATRS: "Times the average true range",
    Unit.PERCENT_EQUITY: "Percent of equity",
    Unit.PERCENT_INITIAL: "Percent of the initial balance",
    Unit.PERCENT_REFERENCE: "Percent of the reference",
    Unit.FLAG: "On",
}
Word = Unit | Action | Period | Reference | Trailing


def control_choices() -> list[tuple[str, str]]:
    """Asked whenever they are needed: new controls change no table."""
    return [(control.value, control.label) for control in Control]


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

    control = models.CharField(max_length=24, choices=control_choices)
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

    def limit(self) -> Limit:
        """The engine's value of this row; EngineError when it makes no sense."""
        return limit_made(LimitRow(*(getattr(self, name) for name in LimitRow._fields)))


class LimitRow(NamedTuple):
    """The columns of a limit, for many to be read at once."""

    id: int | None
    control: str
    group_id: int | None
    account_id: int | None
    currency: str
    symbol_id: int | None
    deployment_id: int | None
    value: Decimal
    unit: str
    action: str
    period: str
    reset: time
    zone: str
    window: int | None
    reference: str
    trailing: str
    lock: Decimal | None
    hedge_credit: bool
    hard: bool

    @property
    def place(self) -> tuple[Scope, str]:
        """Where it applies, in the words of the engine's `Limit`."""
        targets = (
            (Scope.GROUP, self.group_id),
            (Scope.ACCOUNT, self.account_id),
            (Scope.CURRENCY, self.currency or None),
            (Scope.SYMBOL, self.symbol_id),
            (Scope.DEPLOYMENT, self.deployment_id),
        )
        found = ((scope, str(target)) for scope, target in targets if target is not None)
        return next(found, (Scope.GLOBAL, ""))


def _origin(scope: Scope, target: str) -> str:
    if scope is Scope.GLOBAL:
        return "everything"
    return f"{scope.lower()} {target if scope is Scope.CURRENCY else f'#{target}'}"


@lru_cache(maxsize=4096)
def limit_made(row: LimitRow) -> Limit:
    """The engine's value; EngineError says which word of which control makes no sense."""
    scope, target = row.place
    origin = _origin(scope, target)
    try:
        return Limit(
            control=Control(row.control),
            value=row.value.normalize(),
            unit=Unit(row.unit),
            action=Action(row.action),
            scope=scope,
            target=target,
            origin=origin,
            row_id=row.id,
            period=Period(row.period) if row.period else None,
            reset=row.reset,
            zone=row.zone,
            window=row.window,
            reference=Reference(row.reference),
            trailing=Trailing(row.trailing),
            lock=None if row.lock is None else row.lock.normalize(),
            hedge_credit=row.hedge_credit,
            hard=row.hard,
        )
    except ValueError as e:  # EngineError is one, an unknown word another
        raise EngineError(f"Limit of {origin}: {e}") from e
