"""Breaches of limits, and the switches that stop trading."""

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from trading.engine.risk import Action
from trading.models.accounts import Account, AccountGroup
from trading.models.limits import RiskLimit, control_choices, words_of
from trading.models.markets import Symbol
from trading.models.strategies import Deployment


class Breach(models.Model):
    """A limit that was broken, once for each period until a person lets go of it.

    Without account, deployment and group it is of everything together. The switches it has pulled
    point to it.
    """

    limit = models.ForeignKey(
        RiskLimit, on_delete=models.SET_NULL, null=True, blank=True, related_name="breaches"
    )
    control = models.CharField(max_length=24, choices=control_choices)
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
