"""Symbols and their prices."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from trading.admin.base import JournalAdmin, ModelAdmin, ReadOnlyAdmin, plain
from trading.models import BarChunk, Candle, HistoryImport, SimulatedMarket, Symbol


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
    search_fields = ["name"]
    fieldsets = [
        (None, {"fields": [("name", "source"), ("base_currency", "profit_currency")]}),
        ("Price", {"fields": [("digits", "tick_size"), ("stops_level", "slippage_ticks")]}),
        (
            "Volume",
            {"fields": ["contract_size", ("volume_min", "volume_step", "volume_max")]},
        ),
        (
            "Costs",
            {"fields": ["commission_per_lot", ("swap_long", "swap_short", "triple_swap_weekday")]},
        ),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Symbol | None = None) -> list[str]:
        """Orders, bars and positions hang on the name: it stays."""
        return ["name", "source"] if obj is not None else []


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
