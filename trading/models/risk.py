"""Risk limits as rows; the strictest that applies wins."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.timezone import now

from trading.engine.risk import Control
from trading.models.accounts import Account
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
