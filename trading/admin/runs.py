"""Every decision, and why it came out as it did."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from trading.admin.base import NOTHING, JournalAdmin, display
from trading.models import StrategyRun

RUN_LABELS = {
    "QUEUED": "info",
    "CLAIMED": "info",
    "DONE": "success",
    "EXPIRED": "warning",
    "FAILED": "danger",
}
OUTCOME_LABELS = {"ENTRY": "success", "EXIT": "info", "DENIED": "warning"}
PARTS = {
    "signal": "Signal",
    "equity": "Account",
    "sizing": "Size",
    "stops": "Stops that follow",
    "refusal": "Refusal",
    "findings": "Everything that was wrong",
}
"""What the numbers of a run are of, in the order in which they came about."""
SIDES = {"1": "long", "-1": "short", "0": "flat"}


@admin.register(StrategyRun)
class StrategyRunAdmin(JournalAdmin[StrategyRun]):
    list_display = [
        "bar_open",
        "deployment",
        "outcome_label",
        "code",
        "message",
        "state_label",
        "finished_at",
    ]
    list_filter = [
        "state",
        "outcome",
        "deployment__strategy",
        "deployment__symbol",
        "queued_at",
    ]
    list_select_related = ["deployment__strategy", "deployment__symbol"]
    search_fields = ["code__exact"]
    search_help_text = "A reason code, whole, for example SPREAD_TOO_WIDE"
    readonly_fields = ["why", "orders_sent"]
    fieldsets = [
        (None, {"fields": [("deployment", "bar_open"), ("outcome", "code"), "message"]}),
        ("Why", {"fields": ["why", "orders_sent"]}),
        (
            "Trace",
            {
                "fields": [
                    ("state", "attempts"),
                    ("queued_at", "finished_at"),
                    ("deadline", "expires_at"),
                ]
            },
        ),
    ]

    @display(description="outcome", label=OUTCOME_LABELS)
    def outcome_label(self, run: StrategyRun) -> str:
        return run.outcome

    @display(description="state", label=RUN_LABELS)
    def state_label(self, run: StrategyRun) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @display(description="")
    def why(self, run: StrategyRun) -> SafeString | str:
        """All numbers of the decision, in words."""
        rows = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", _rows(run))
        return format_html('<table class="tb-parameters">{}</table>', rows) if rows else NOTHING

    @display(description="orders")
    def orders_sent(self, run: StrategyRun) -> SafeString | str:
        links = (
            (reverse("admin:trading_order_change", args=[order.pk]), order, order.status.lower())
            for order in run.orders.select_related("symbol").order_by("id")
        )
        found = format_html_join(", ", '<a href="{}">{}</a> ({})', links)
        return found or NOTHING


def _rows(run: StrategyRun) -> Iterator[tuple[str, str, str]]:
    """Part, name and value of each number; the part is named once."""
    for key, title in PARTS.items():
        found = run.numbers.get(key)
        for number, (name, value) in enumerate(_items(key, found) if found else ()):
            yield "" if number else title, name, value


def _items(key: str, found: Any) -> Iterator[tuple[str, str]]:
    if isinstance(found, Mapping):
        for name, value in found.items():
            is_side = key == "signal" and name in ("side", "before")
            text = SIDES.get(str(value), str(value)) if is_side else str(value)
            yield name.replace("_", " ").capitalize(), text
    elif isinstance(found, list):
        for finding in found:
            code, _, words = str(finding).partition(": ")
            yield code, words
    else:
        yield key.capitalize(), str(found)
