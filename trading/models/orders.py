"""Orders, their fills, and the positions they made."""

from decimal import Decimal

from django.db import models
from django.utils.timezone import now

from trading.engine.orders import RESERVING, OrderStatus
from trading.engine.types import OrderKind
from trading.models.accounts import Account
from trading.models.markets import Symbol
from trading.models.strategies import Deployment, StrategyRun


class Side(models.IntegerChoices):
    LONG = 1, "Long"
    SHORT = -1, "Short"


class Purpose(models.TextChoices):
    ENTRY = "ENTRY", "Entry"
    CLOSE = "CLOSE", "Close"


STATUS_CHOICES = [(s.value, s.value.replace("_", " ").title()) for s in OrderStatus]


class Order(models.Model):
    """Our durable record of an order, written before anything is sent."""

    Status = OrderStatus

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="orders")
    deployment = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    run = models.ForeignKey(
        StrategyRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="orders"
    )
    symbol = models.ForeignKey(Symbol, on_delete=models.PROTECT, related_name="orders")
    decision_key = models.CharField(
        max_length=120, unique=True, help_text="account:deployment:bar:leg, one order for each"
    )
    client_id = models.CharField(max_length=26, unique=True)
    purpose = models.CharField(max_length=5, choices=Purpose.choices)
    kind = models.CharField(
        max_length=6, choices=[(k.value, k.value.title()) for k in OrderKind], default="MARKET"
    )
    side = models.SmallIntegerField(choices=Side.choices, help_text="Side of the position")
    lots = models.DecimalField(max_digits=12, decimal_places=4)
    price = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    stop = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    take = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    status = models.CharField(
        max_length=14,
        choices=STATUS_CHOICES,
        default=OrderStatus.PROPOSED.value,
        help_text="Last of its transitions",
    )
    code = models.CharField(max_length=40, blank=True, help_text="Broker's or our own reason code")
    message = models.CharField(max_length=300, blank=True)
    broker_order_id = models.CharField(max_length=40, blank=True)
    position_id = models.CharField(max_length=40, blank=True)
    filled_lots = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal(0))
    filled_price = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="End of a resting order, on the market's clock"
    )
    created_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="order_status_known",
                condition=models.Q(status__in=[s.value for s in OrderStatus]),
            ),
            models.CheckConstraint(
                name="order_filled_within_lots",
                condition=models.Q(filled_lots__lte=models.F("lots")),
            ),
        ]
        indexes = [
            # the gate's and reconciliation's question: what may change the exposure by itself
            models.Index(
                fields=["account", "symbol"],
                condition=models.Q(status__in=sorted(RESERVING)),
                name="order_reserving",
            ),
        ]

    def __str__(self) -> str:
        size = f"{Decimal(self.lots).normalize():f} {self.symbol.name}"
        return f"{Purpose(self.purpose).label} {Side(self.side).label.lower()} {size}"

    @property
    def is_from_kill_switch(self) -> bool:
        """Whether no decision of a strategy asked for this close."""
        return self.purpose == Purpose.CLOSE and self.run_id is None


class OrderTransition(models.Model):
    """One move of an order, append-only: the order's status is that of the newest."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="transitions")
    source = models.CharField(max_length=14, choices=STATUS_CHOICES)
    target = models.CharField(max_length=14, choices=STATUS_CHOICES)
    cause = models.CharField(max_length=40, help_text="What made it move, e.g. broker, reconcile")
    evidence = models.JSONField(default=dict, help_text="What was seen")
    actor = models.CharField(max_length=80, help_text="Process or person")
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["id"]
        constraints = [
            # an order enters SENDING once, ever
            models.UniqueConstraint(
                fields=["order"],
                condition=models.Q(target=OrderStatus.SENDING.value),
                name="transition_to_sending_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} -> {self.target} ({self.cause})"


class Position(models.Model):
    """A position as we last saw it at the broker, with the deployment that opened it."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="positions")
    deployment = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, null=True, blank=True, related_name="positions"
    )
    symbol = models.ForeignKey(Symbol, on_delete=models.PROTECT, related_name="positions")
    broker_id = models.CharField(max_length=40)
    side = models.SmallIntegerField(choices=Side.choices)
    lots = models.DecimalField(max_digits=12, decimal_places=4)
    entry_price = models.DecimalField(max_digits=18, decimal_places=9)
    stop = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    take = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    opened_at = models.DateTimeField(help_text="The market's clock")
    closed_at = models.DateTimeField(null=True, blank=True)
    exit_price = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    exit_reason = models.CharField(max_length=10, blank=True)
    profit = models.DecimalField(
        max_digits=18,
        decimal_places=2,
        default=Decimal(0),
        help_text="Floating while open, realised once closed; without commission and swap",
    )
    commission = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))
    swap = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "broker_id"], name="position_once"),
        ]
        indexes = [
            # open positions of an account
            models.Index(
                fields=["account"],
                condition=models.Q(closed_at__isnull=True),
                name="position_open",
            ),
        ]

    def __str__(self) -> str:
        size = f"{Decimal(self.lots).normalize():f} {self.symbol.name}"
        return f"{Side(self.side).label} {size} #{self.broker_id}"


class Fill(models.Model):
    """A deal of the broker, append-only. Money is in account currency, `at` the market's clock."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="fills")
    symbol = models.ForeignKey(Symbol, on_delete=models.PROTECT, related_name="fills")
    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="fills")
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="fills"
    )
    deal_id = models.CharField(max_length=40)
    opens = models.BooleanField()
    side = models.SmallIntegerField(choices=Side.choices, help_text="Side of the position")
    lots = models.DecimalField(max_digits=12, decimal_places=4)
    price = models.DecimalField(max_digits=18, decimal_places=9)
    profit = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))
    commission = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))
    swap = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0))
    reason = models.CharField(max_length=10, blank=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "deal_id"], name="fill_once"),
        ]

    def __str__(self) -> str:
        return f"{'in' if self.opens else 'out'} {self.lots} {self.symbol.name} at {self.price}"
