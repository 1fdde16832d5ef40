"""The event log."""

from django.contrib import admin

from trading.admin.base import JournalAdmin, display
from trading.models import Event

SEVERITY_LABELS = {20: "info", 30: "warning", 40: "danger", 50: "danger"}


@admin.register(Event)
class EventAdmin(JournalAdmin[Event]):
    list_display = ["id", "at", "severity_label", "kind", "message", "account"]
    list_filter = ["severity", "account", "at"]
    list_select_related = ["account"]
    search_fields = ["kind__startswith"]
    search_help_text = "The beginning of a kind, for example order. or order.filled"

    @display(description="severity", label=SEVERITY_LABELS)
    def severity_label(self, event: Event) -> tuple[int, str]:
        return event.severity, event.get_severity_display()
