"""Symbols and their prices: the live tail as rows, history as compressed monthly chunks."""

from decimal import Decimal

from django.db import models
from django.utils.timezone import now

from trading.engine.types import TIMEFRAMES, Calculation, Instrument


class Timeframe(models.TextChoices):
    M1 = "M1", "1 minute"
    M5 = "M5", "5 minutes"
    M15 = "M15", "15 minutes"
    M30 = "M30", "30 minutes"
    H1 = "H1", "1 hour"
    H4 = "H4", "4 hours"
    D1 = "D1", "1 day"

    @property
    def seconds(self) -> int:
        return TIMEFRAMES[self.value]


class Symbol(models.Model):
    """A tradable symbol of one price source: its specification and its currencies."""

    source = models.CharField(
        max_length=40,
        default="history",
        help_text="Where the prices come from: 'simulated', 'history' (imports) or a broker server",
    )
    name = models.CharField(max_length=32)
    canonical = models.CharField(
        max_length=32,
        blank=True,
        help_text="The name without the broker's prefix and suffix: EURUSD for EURUSDm or EURUSD.r",
    )
    digits = models.PositiveSmallIntegerField(help_text="Decimals of a quoted price")
    tick_size = models.DecimalField(max_digits=18, decimal_places=9)
    contract_size = models.DecimalField(max_digits=18, decimal_places=4)
    volume_min = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal("0.01"))
    volume_step = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal("0.01"))
    volume_max = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal(100))
    base_currency = models.CharField(max_length=8)
    profit_currency = models.CharField(max_length=8)
    swap_long = models.DecimalField(
        max_digits=12, decimal_places=4, default=Decimal(0), help_text="Points per lot and night"
    )
    swap_short = models.DecimalField(
        max_digits=12, decimal_places=4, default=Decimal(0), help_text="Points per lot and night"
    )
    triple_swap_weekday = models.PositiveSmallIntegerField(
        default=2, help_text="Monday 0: the weekday that books three nights"
    )
    stops_level = models.PositiveIntegerField(
        default=0, help_text="Least distance of stop and take, in ticks"
    )
    commission_per_lot = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        default=Decimal(0),
        help_text="Round turn per lot, in account currency",
    )
    slippage_ticks = models.PositiveIntegerField(
        default=0, help_text="Slippage assumed at market orders and stops, in ticks"
    )

    calculation = models.CharField(
        max_length=20,
        choices=[(mode.value, mode.value) for mode in Calculation],
        default=Calculation.FOREX.value,
        help_text="How the broker works out profit and margin; OTHER is not traded",
    )
    tick_price = models.DecimalField(
        max_digits=18,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="FUTURES need it: profit of one lot per tick, in profit currency",
    )
    margin_initial = models.DecimalField(
        max_digits=18,
        decimal_places=4,
        default=Decimal(0),
        help_text="Margin of one lot where the broker fixes it; 0 = by size, price and leverage",
    )
    margin_currency = models.CharField(
        max_length=8, blank=True, help_text="Of the fixed margin; empty = the profit currency"
    )
    margin_rate = models.DecimalField(
        max_digits=9,
        decimal_places=5,
        default=Decimal(1),
        help_text="What the broker multiplies the margin with, see its contract specification",
    )
    volume_limit = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="Most lots to one side, open and resting together; empty = not limited",
    )
    tick_value_ratio = models.DecimalField(
        max_digits=18,
        decimal_places=9,
        null=True,
        blank=True,
        editable=False,
        help_text="The broker's tick value over ours; more than 1 % apart refuses entries",
    )
    tick_value_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When both were compared"
    )

    sessions = models.JSONField(
        default=dict,
        blank=True,
        help_text="Quote and trade sessions by weekday, broker's clock; empty = always open",
    )
    trade_mode = models.CharField(
        max_length=40, blank=True, help_text="What the broker allows, e.g. SYMBOL_TRADE_MODE_FULL"
    )

    class Meta:
        ordering = ["source", "name"]
        constraints = [
            models.UniqueConstraint(fields=["source", "name"], name="symbol_once_per_source"),
        ]
        indexes = [
            # the same symbol at other brokers
            models.Index(fields=["canonical"], name="symbol_by_canonical"),
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.name}"

    def instrument(self) -> Instrument:
        """The engine's value of this row."""
        return Instrument(
            symbol=self.name,
            tick_size=self.tick_size.normalize(),
            contract_size=self.contract_size.normalize(),
            volume_min=self.volume_min.normalize(),
            volume_step=self.volume_step.normalize(),
            volume_max=self.volume_max.normalize(),
            base_currency=self.base_currency,
            profit_currency=self.profit_currency,
            swap_long=self.swap_long,
            swap_short=self.swap_short,
            triple_swap_weekday=self.triple_swap_weekday,
            stops_level=self.stops_level,
            calculation=Calculation(self.calculation),
            tick_price=self.tick_price,
            margin_initial=self.margin_initial,
            margin_currency=self.margin_currency,
            margin_rate=self.margin_rate.normalize(),
            volume_limit=self.volume_limit,
        )


class SymbolSpecification(models.Model):
    """What the broker said of a symbol from a moment on, append-only."""

    symbol = models.ForeignKey(Symbol, on_delete=models.CASCADE, related_name="specifications")
    content = models.JSONField(help_text="As the broker sent it")
    sha256 = models.CharField(max_length=64, help_text="Of the canonical content")
    observed_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            # the newest of a symbol
            models.Index(fields=["symbol", "-observed_at"], name="specification_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} from {self.observed_at:%Y-%m-%d %H:%M}"


class BackfillState(models.TextChoices):
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"


class HistoryBackfill(models.Model):
    """Filling a series from its broker, newest bars first, resumed where it ended."""

    State = BackfillState

    symbol = models.ForeignKey(Symbol, on_delete=models.CASCADE, related_name="backfills")
    timeframe = models.CharField(max_length=3, choices=Timeframe.choices)
    start = models.DateTimeField(help_text="How far back it shall reach, UTC")
    end = models.DateTimeField(help_text="Where it began, UTC")
    reached = models.DateTimeField(null=True, blank=True, help_text="How far back it has come, UTC")
    bars = models.PositiveIntegerField(default=0, help_text="Bars added so far")
    state = models.CharField(
        max_length=8, choices=BackfillState.choices, default=BackfillState.QUEUED
    )
    message = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["symbol", "timeframe"],
                condition=models.Q(state__in=["QUEUED", "RUNNING"]),
                name="backfill_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} back to {self.start:%Y-%m-%d}"

    @property
    def percent(self) -> int:
        """How much of the way is done."""
        if self.reached is None:
            return 0
        whole, done = self.end - self.start, self.end - self.reached
        return min(100, round(100 * done / whole)) if whole else 100


class Candle(models.Model):
    """One closed bar of the live tail, stored once. Prices are bid prices; times are UTC."""

    symbol = models.ForeignKey(Symbol, on_delete=models.CASCADE, related_name="candles")
    timeframe = models.CharField(max_length=3, choices=Timeframe.choices)
    open_time = models.DateTimeField()
    open = models.FloatField()
    high = models.FloatField()
    low = models.FloatField()
    close = models.FloatField()
    volume = models.FloatField()
    spread = models.FloatField(help_text="Ask minus bid at the open, in price units")

    class Meta:
        constraints = [
            # also serves the newest bars of a symbol and timeframe
            models.UniqueConstraint(
                fields=["symbol", "timeframe", "open_time"], name="candle_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} {self.open_time:%Y-%m-%d %H:%M}"


class BarChunk(models.Model):
    """All bars of one symbol, timeframe and calendar month, compressed column by column."""

    symbol = models.ForeignKey(Symbol, on_delete=models.CASCADE, related_name="chunks")
    timeframe = models.CharField(max_length=3, choices=Timeframe.choices)
    month = models.DateField(help_text="First day of the month the bars open in, UTC")
    first = models.DateTimeField()
    last = models.DateTimeField()
    rows = models.PositiveIntegerField()
    data = models.BinaryField()
    sha256 = models.CharField(max_length=64, help_text="Of the uncompressed columns")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["symbol", "timeframe", "month"], name="chunk_once"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} {self.month:%Y-%m} ({self.rows} bars)"


class HistoryImport(models.Model):
    """A file of history that was imported, with its quality report."""

    symbol = models.ForeignKey(Symbol, on_delete=models.CASCADE, related_name="imports")
    timeframe = models.CharField(max_length=3, choices=Timeframe.choices)
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    timezone = models.CharField(max_length=64, default="UTC")
    rows = models.PositiveIntegerField()
    report = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return f"{self.file_name} -> {self.symbol} {self.timeframe}"


class SimulatedMarket(models.Model):
    """Clock and seed of a simulated market, which stands still while nobody runs it."""

    source = models.CharField(max_length=40, unique=True, default="simulated")
    seed = models.PositiveBigIntegerField(default=1)
    speed = models.FloatField(default=30.0, help_text="Market seconds per second")
    market_time = models.DateTimeField(help_text="The market's clock when it was last saved")

    def __str__(self) -> str:
        return f"{self.source} x{self.speed:g}"
