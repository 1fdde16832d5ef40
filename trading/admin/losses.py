"""Breaches of limits, and what losses count from: the engine's, to look at; challenges."""

from django.contrib import admin

from trading.admin.base import JournalAdmin, ModelAdmin, ReadOnlyAdmin, display
from trading.models import BalanceMove, Breach, Challenge, DayMark, LossState

ACTION_LABELS = {
    "NOTIFY": "info",
    "REDUCE": "warning",
    "PAUSE": "danger",
    "FLATTEN": "danger",
}


@admin.register(Breach)
class BreachAdmin(JournalAdmin[Breach]):
    """A person ends one by re-arming its switches."""

    list_display = ["at", "control", "scope", "action_label", "message", "ends", "ended_at"]
    list_filter = ["control", "action", ("ended_at", admin.EmptyFieldListFilter), "account"]
    list_select_related = ["account", "deployment__strategy", "deployment__symbol", "group"]

    @display(description="action", label=ACTION_LABELS)
    def action_label(self, breach: Breach) -> tuple[str, str]:
        return breach.action, breach.get_action_display()


@admin.register(LossState)
class LossStateAdmin(ReadOnlyAdmin[LossState]):
    list_display = ["__str__", "period", "started", "initial", "equity", "highest_equity"]
    list_filter = ["account", "group"]
    list_select_related = ["account", "deployment__strategy", "deployment__symbol", "group"]
    ordering = ["account__name", "id"]


@admin.register(DayMark)
class DayMarkAdmin(JournalAdmin[DayMark]):
    list_display = ["began", "account", "period", "zone", "balance", "equity", "moved"]
    list_filter = ["account", "zone"]
    list_select_related = ["account"]


@admin.register(BalanceMove)
class BalanceMoveAdmin(JournalAdmin[BalanceMove]):
    list_display = ["at", "account", "amount", "deal_id", "counted_at"]
    list_filter = ["account"]
    list_select_related = ["account"]


@admin.register(Challenge)
class ChallengeAdmin(ModelAdmin[Challenge]):
    list_display = ["name", "account", "profit_target", "min_days", "best_day", "started_at"]
    list_select_related = ["account"]
    autocomplete_fields = ["account"]
    ordering = ["account__name"]
    fieldsets = [
        (None, {"fields": ["account", "name", "started_at", "note"]}),
        (
            "What it wants",
            {
                "fields": [
                    ("profit_target", "min_days"),
                    ("min_profit_days", "day_profit"),
                    ("best_day", "best_day_of"),
                    ("reset", "zone"),
                ],
                "description": "Check your contract: programmes differ and change.",
            },
        ),
    ]
