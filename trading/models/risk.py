"""Risk limits as rows; the strictest that applies wins."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.timezone import now

from trading.engine.risk import Control
from trading.models.accounts import Account
from trading.models.markets import Symbol
from trading.models.strategies import Deployment


class RiskLimit(models.Model):
    """One limit: global, or of an account, or of a deployment."""

    control = models.CharField(max_length=20, choices=[(c.value, c.label) for c in Control])
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="risk_limits"
    )
    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, null=True, blank=True, related_name="risk_limits"
    )
    value = models.DecimalField(
        max_digits=18,
        decimal_places=4,
        validators=[MinValueValidator(0)],
        help_text="In the unit of the control",
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="risk_limit_one_scope",
                condition=models.Q(account__isnull=True) | models.Q(deployment__isnull=True),
            ),
            models.CheckConstraint(
                name="risk_limit_not_negative", condition=models.Q(value__gte=0)
            ),
            models.UniqueConstraint(
                fields=["control"],
                condition=models.Q(account__isnull=True, deployment__isnull=True),
                name="risk_limit_once_globally",
            ),
            models.UniqueConstraint(
                fields=["control", "account"],
                condition=models.Q(account__isnull=False),
                name="risk_limit_once_per_account",
            ),
            models.UniqueConstraint(
                fields=["control", "deployment"],
                condition=models.Q(deployment__isnull=False),
                name="risk_limit_once_per_deployment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.control} {self.value.normalize():f} ({self.scope})"

    @property
    def scope(self) -> str:
        """Where it applies, in words."""
        return str(self.deployment or self.account or "global")


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
