"""The sidebar of the admin: what is where, and who sees it."""

from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

GROUPS: Final = {
    "Trading": {
        "trading.Account": "account_balance",
        "trading.Strategy": "function",
        "trading.Deployment": "rocket_launch",
        "trading.Position": "stacked_line_chart",
        "trading.Order": "receipt_long",
        "trading.Fill": "done_all",
        "trading.StrategyRun": "psychology",
    },
    "Risk": {
        "trading.RiskLimit": "shield",
        "trading.AccountGroup": "group_work",
        "trading.Breach": "gpp_bad",
        "trading.ProtectionRule": "health_and_safety",
        "trading.Lock": "lock",
        "trading.KillSwitch": "emergency_home",
        "trading.Challenge": "flag",
        "trading.LossState": "trending_down",
        "trading.DayMark": "today",
        "trading.BalanceMove": "payments",
        "trading.Event": "history",
        "trading.EquityPoint": "show_chart",
    },
    "Markets": {
        "trading.Symbol": "currency_exchange",
        "trading.NewsEvent": "newspaper",
        "trading.Candle": "candlestick_chart",
        "trading.BarChunk": "database",
        "trading.HistoryImport": "upload_file",
        "trading.HistoryBackfill": "cloud_download",
        "trading.SymbolSpecification": "fact_check",
        "trading.SimulatedMarket": "casino",
    },
    "Notifications": {
        "notifications.Channel": "forward_to_inbox",
        "notifications.Rule": "rule",
        "notifications.Delivery": "outbox",
    },
    "System": {
        "trading.Connection": "key",
        "trading.Lease": "lock_clock",
        "auth.User": "person",
        "auth.Group": "group",
        "trading.PaperBook": "menu_book",
        "django_q.OrmQ": "pending_actions",
        "django_q.Success": "task_alt",
        "django_q.Failure": "error",
        "django_q.Schedule": "schedule",
    },
}
"""Group -> model -> its icon, a name of Material Symbols."""


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation for this user: groups with the pages they may view."""
    live = {
        "title": "Live dashboard",
        "icon": "monitoring",
        "link": reverse("dashboard:index"),
    }
    home = {"title": "Overview", "icon": "home", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [live, home]}]
    for title, icons in GROUPS.items():
        pages = [(apps.get_model(label), icon) for label, icon in icons.items()]
        items = [_item(model, icon) for model, icon in pages if _may_view(request, model)]
        groups.append({"title": title, "collapsible": title == "System", "items": items})
    return groups


def _item(model: type[Model], icon: str) -> dict[str, Any]:
    meta = model._meta
    link = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return {"title": capfirst(meta.verbose_name_plural), "icon": icon, "link": link}


def _may_view(request: HttpRequest, model: type[Model]) -> bool:
    return admin.site.get_model_admin(model).has_view_permission(request)
