"""Orders, their fills, and the positions they made."""

from decimal import Decimal

from django.db import models
from django.utils.timezone import now

from trading.engine.orders import OrderStatus
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


class Origin(models.TextChoices):
    """Who wanted an order."""

    STRATEGY = "STRATEGY", "Strategy"
    KILL = "KILL", "Kill switch"
    PROTECTION = "PROTECTION", "Protection"
    PERSON = "PERSON", "Person"


class PositionOrigin(models.TextChoices):
    """Where a position came from."""

    STRATEGY = "STRATEGY", "Order of a strategy"
    MANUAL = "MANUAL", "By hand or by another program"
    ORPHAN = "ORPHAN", "Ours by its mark, but of no order on record"


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
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.STRATEGY)
    kind = models.CharField(
        max_length=6, choices=[(k.value, k.value.title()) for k in OrderKind], default="MARKET"
    )
    side = models.SmallIntegerField(choices=Side.choices, help_text="Side of the position")
    lots = models.DecimalField(max_digits=12, decimal_places=4)
    remaining_lots = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        default=Decimal(0),
        help_text="Of a close: what shall be left of the position",
    )
    price = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    stop = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    take = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    trail = models.DecimalField(
        max_digits=18,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="How far its stop follows behind every close; empty = it stays",
    )
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
    expected_price = models.DecimalField(
        max_digits=18,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="Of an entry: what the gate expected to pay, for the slippage",
    )
    filled_lots = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal(0))
    filled_price = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="End of a resting order, on the market's clock"
    )
    good_until = models.DateTimeField(
        null=True, blank=True, help_text="When it is too old to be sent, on the wall clock"
    )
    risk_money = models.DecimalField(
        max_digits=18,
        decimal_places=2,
        default=Decimal(0),
        help_text="Lost when the stop is hit; reserved from the gate on, account currency",
    )
    epoch = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Lease epoch under which it was sent"
    )
    created_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(null=True, blank=True)
    sent_tick = models.FloatField(
        null=True, blank=True, help_text="When it was sent, on the clock of the leases"
    )
    sent_boot = models.CharField(max_length=40, blank=True)
    quoted_at = models.DateTimeField(
        null=True, blank=True, help_text="Market's clock when it passed the gate"
    )
    absent_tick = models.FloatField(
        null=True, blank=True, help_text="First complete reading that did not show it"
    )
    verify_stage = models.PositiveSmallIntegerField(
        default=0, help_text="Readings still due before a rejection is believed"
    )
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
            # each position of ours belongs to exactly one entry
            models.UniqueConstraint(
                fields=["account", "position_id"],
                condition=models.Q(purpose=Purpose.ENTRY) & ~models.Q(position_id=""),
                name="order_opens_one_position",
            ),
        ]
        indexes = [
            # the gate's and reconciliation's questions: what may change the exposure by itself,
            # and rejections that are not believed yet. Not partial: SQLite would not use them
            # for a status that is a parameter
            models.Index(fields=["account", "status"], name="order_by_status"),
            models.Index(fields=["account", "verify_stage"], name="order_by_verify_stage"),
            # the orders of an account since a moment, and newest first
            models.Index(fields=["account", "-created_at"], name="order_by_time"),
        ]

    def __str__(self) -> str:
        size = f"{Decimal(self.lots).normalize():f} {self.symbol.name}"
        return f"{Purpose(self.purpose).label} {Side(self.side).label.lower()} {size}"

    @property
    def is_partial_close(self) -> bool:
        """Whether something of the position shall be left."""
        return self.purpose == Purpose.CLOSE and self.remaining_lots > 0


class OrderTransition(models.Model):
    """One move of an order, append-only: the order's status is that of the newest."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="transitions")
    source = models.CharField(max_length=14, choices=STATUS_CHOICES)
    target = models.CharField(max_length=14, choices=STATUS_CHOICES)
    cause = models.CharField(max_length=40, help_text="What made it move, e.g. broker, reconcile")
    evidence = models.JSONField(default=dict, help_text="What was seen")
    actor = models.CharField(max_length=80, help_text="Process or person")
    epoch = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Lease epoch it was made under"
    )
    build = models.PositiveBigIntegerField(default=0, help_text="Build of the program")
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
    origin = models.CharField(
        max_length=8, choices=PositionOrigin.choices, default=PositionOrigin.STRATEGY
    )
    broker_id = models.CharField(max_length=40)
    side = models.SmallIntegerField(choices=Side.choices)
    lots = models.DecimalField(
        max_digits=12, decimal_places=4, help_text="Open now; once closed, what was closed last"
    )
    entry_price = models.DecimalField(max_digits=18, decimal_places=9)
    stop = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    take = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    wanted_stop = models.DecimalField(
        max_digits=18,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="The stop it shall have; given to it whenever the broker shows none",
    )
    trail = models.DecimalField(
        max_digits=18,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="How far its stop follows behind every close; empty = it stays",
    )
    hands_off = models.BooleanField(
        default=False, help_text="A person looks after its stop: none is restored"
    )
    unprotected_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when the broker shows no stop, wall clock"
    )
    moving_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when the broker shall show a stop that has followed, wall clock",
    )
    missing_since = models.DateTimeField(
        null=True, blank=True, help_text="First reading that did not show it, wall clock"
    )
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
        permissions = [("close_position", "Can close a position at its broker")]
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
            # what an account has closed lately
            models.Index(
                fields=["account", "closed_at"],
                condition=models.Q(closed_at__isnull=False),
                name="position_closed",
            ),
            # what a reading has to settle about stops
            models.Index(
                fields=["account"],
                condition=models.Q(unprotected_since__isnull=False)
                | models.Q(moving_since__isnull=False),
                name="position_unsettled",
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
