"""Symbols, what their brokers say of them, and their prices."""

from datetime import timedelta

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now

from trading.admin.base import JournalAdmin, ModelAdmin, ReadOnlyAdmin, display, plain
from trading.engine.types import EngineError
from trading.models import (
    BarChunk,
    Candle,
    Deployment,
    HistoryBackfill,
    HistoryImport,
    SimulatedMarket,
    Symbol,
    SymbolSpecification,
    Timeframe,
)
from trading.services.backfills import account_of, backfill_request, backfill_resume

FILL_DAYS = {"M1": 30, "M5": 90, "M15": 365, "M30": 365, "H1": 730, "H4": 1825, "D1": 3650}
"""How far back the action fills each timeframe."""
STATE_LABELS = {"QUEUED": "info", "RUNNING": "info", "DONE": "success", "FAILED": "danger"}


@admin.register(Symbol)
class SymbolAdmin(ModelAdmin[Symbol]):
    list_display = [
        "name",
        "source",
        "digits",
        plain("tick_size"),
        plain("contract_size"),
        plain("volume_min"),
        plain("volume_step"),
        plain("commission_per_lot"),
    ]
    list_filter = ["source", "profit_currency"]
    search_fields = ["name", "canonical"]
    actions = ["fill_history"]
    fieldsets = [
        (
            None,
            {"fields": [("name", "source", "canonical"), ("base_currency", "profit_currency")]},
        ),
        ("Price", {"fields": [("digits", "tick_size"), ("stops_level", "slippage_ticks")]}),
        (
            "Volume",
            {"fields": ["contract_size", ("volume_min", "volume_step", "volume_max")]},
        ),
        (
            "Profit and margin",
            {
                "fields": [
                    ("calculation", "tick_price"),
                    ("margin_initial", "margin_currency", "margin_rate"),
                    "volume_limit",
                    ("tick_value_ratio", "tick_value_at"),
                ]
            },
        ),
        (
            "Costs",
            {"fields": ["commission_per_lot", ("swap_long", "swap_short", "triple_swap_weekday")]},
        ),
        ("When it is traded", {"fields": ["trade_mode", "sessions"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Symbol | None = None) -> list[str]:
        """Orders, bars and positions hang on the name: it stays."""
        told = ["canonical", "trade_mode", "sessions"]  # by the broker
        told += ["tick_value_ratio", "tick_value_at"]
        return ["name", "source", *told] if obj is not None else told

    @admin.action(description="Fill history from the broker", permissions=["change"])
    def fill_history(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        """One minute, and every timeframe that a deployment trades."""
        count = 0
        for symbol in queryset:
            try:
                account_of(symbol=symbol)
            except EngineError as e:
                self.message_user(request, str(e), messages.WARNING)
                continue
            count += sum(_filled(symbol, timeframe) for timeframe in _timeframes(symbol))
        self.message_user(request, f"{count} series are being filled")


def _timeframes(symbol: Symbol) -> list[str]:
    traded = Deployment.objects.filter(symbol=symbol).values_list("timeframe", flat=True)
    return sorted({Timeframe.M1.value, *traded})


def _filled(symbol: Symbol, timeframe: str) -> bool:
    start = now() - timedelta(days=FILL_DAYS[timeframe])
    backfill = backfill_request(symbol=symbol, timeframe=timeframe, start=start)
    return backfill_resume(backfill=backfill)


@admin.register(SymbolSpecification)
class SymbolSpecificationAdmin(ReadOnlyAdmin[SymbolSpecification]):
    list_display = ["observed_at", "symbol", "sha256"]
    list_filter = ["observed_at", "symbol__source"]
    list_select_related = ["symbol"]
    search_fields = ["symbol__name"]
    ordering = ["-observed_at", "-id"]


@admin.register(HistoryBackfill)
class HistoryBackfillAdmin(ModelAdmin[HistoryBackfill]):
    """The worker's, but a person may let one go on that has stopped."""

    list_display = [
        "symbol",
        "timeframe",
        "state_label",
        "progress",
        "reached",
        "start",
        "bars",
        "message",
        "updated_at",
    ]
    list_filter = ["state", "timeframe", "symbol__source"]
    list_select_related = ["symbol"]
    search_fields = ["symbol__name"]
    ordering = ["-id"]
    actions = ["resume"]

    @display(description="state", label=STATE_LABELS, ordering="state")
    def state_label(self, backfill: HistoryBackfill) -> tuple[str, str]:
        return backfill.state, backfill.get_state_display()

    @admin.display(description="progress")
    def progress(self, backfill: HistoryBackfill) -> SafeString:
        percent = backfill.percent
        return format_html('<progress max="100" value="{}"></progress> {}%', percent, percent)

    @admin.action(description="Resume the selected")
    def resume(self, request: HttpRequest, queryset: QuerySet[HistoryBackfill]) -> None:
        if not request.user.has_perm("trading.change_historybackfill"):
            self.message_user(request, "Expected the permission to change backfills, was none")
            return
        count = sum(backfill_resume(backfill=backfill) for backfill in queryset)
        self.message_user(request, f"{count} of {len(queryset)} go on")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: HistoryBackfill | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: HistoryBackfill | None = None
    ) -> bool:
        return False


@admin.register(Candle)
class CandleAdmin(JournalAdmin[Candle]):
    list_display = ["open_time", "symbol", "timeframe", "open", "high", "low", "close", "volume"]
    list_filter = ["timeframe", "symbol"]
    list_select_related = ["symbol"]


@admin.register(BarChunk)
class BarChunkAdmin(ReadOnlyAdmin[BarChunk]):
    list_display = ["symbol", "timeframe", "month", "rows", "first", "last"]
    list_filter = ["timeframe", "symbol"]
    list_select_related = ["symbol"]
    ordering = ["-month", "symbol", "timeframe"]
    exclude = ["data"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BarChunk]:
        return super().get_queryset(request).defer("data")


@admin.register(HistoryImport)
class HistoryImportAdmin(ReadOnlyAdmin[HistoryImport]):
    list_display = ["created_at", "file_name", "symbol", "timeframe", "rows", "timezone"]
    list_filter = ["timeframe", "symbol", "created_at"]
    list_select_related = ["symbol"]
    search_fields = ["file_name", "sha256"]
    ordering = ["-id"]


@admin.register(SimulatedMarket)
class SimulatedMarketAdmin(ModelAdmin[SimulatedMarket]):
    """Speed may be changed, and holds from the gateway's next start; the clock only runs on."""

    list_display = ["source", "seed", "speed", "market_time"]
    readonly_fields = ["source", "seed", "market_time"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: SimulatedMarket | None = None
    ) -> bool:
        return False
