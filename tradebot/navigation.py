"""The sidebar of the admin: what is where, and who sees it."""

from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

GROUPS: Final = {
    "Trading": [
        ("Accounts", "account_balance", "trading.Account"),
        ("Strategies", "function", "trading.Strategy"),
        ("Deployments", "rocket_launch", "trading.Deployment"),
        ("Positions", "stacked_line_chart", "trading.Position"),
        ("Orders", "receipt_long", "trading.Order"),
        ("Fills", "done_all", "trading.Fill"),
        ("Decisions", "psychology", "trading.StrategyRun"),
    ],
    "Risk": [
        ("Risk limits", "shield", "trading.RiskLimit"),
        ("Events", "history", "trading.Event"),
        ("Equity points", "show_chart", "trading.EquityPoint"),
    ],
    "Markets": [
        ("Symbols", "currency_exchange", "trading.Symbol"),
        ("Live candles", "candlestick_chart", "trading.Candle"),
        ("History", "database", "trading.BarChunk"),
        ("Imports", "upload_file", "trading.HistoryImport"),
        ("Simulated markets", "casino", "trading.SimulatedMarket"),
    ],
    "Notifications": [
        ("Channels", "forward_to_inbox", "notifications.Channel"),
        ("Rules", "rule", "notifications.Rule"),
        ("Deliveries", "outbox", "notifications.Delivery"),
    ],
    "System": [
        ("Connections", "key", "trading.Connection"),
        ("Users", "person", "auth.User"),
        ("Groups", "group", "auth.Group"),
        ("Paper books", "menu_book", "trading.PaperBook"),
        ("Queued tasks", "pending_actions", "django_q.OrmQ"),
        ("Finished tasks", "task_alt", "django_q.Success"),
        ("Failed tasks", "error", "django_q.Failure"),
        ("Schedules", "schedule", "django_q.Schedule"),
    ],
}
"""Group -> (title, Material Symbol, model); the names are the ones of the model pages."""


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation for this user: groups with the pages they may view."""
    live = {
        "title": "Live dashboard",
        "icon": "monitoring",
        "link": reverse("dashboard:index"),
    }
    home = {"title": "Overview", "icon": "home", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [live, home]}]
    for title, pages in GROUPS.items():
        items = [_item(*page) for page in pages if _may_view(request, page[2])]
        groups.append({"title": title, "collapsible": title == "System", "items": items})
    return groups


def _item(title: str, icon: str, label: str) -> dict[str, Any]:
    meta = apps.get_model(label)._meta
    link = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return {"title": title, "icon": icon, "link": link}


def _may_view(request: HttpRequest, label: str) -> bool:
    return admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)
