"""Orders and fills: the engine's, to look at only."""

from django.contrib import admin
from django.http import HttpRequest

from trading.admin.base import NOTHING, JournalAdmin, TabularInline, display, plain, price
from trading.models import Fill, Order, OrderTransition, Purpose

SIDE_LABELS = {1: "success", -1: "danger"}
STATUS_LABELS = {
    "PROPOSED": "info",
    "APPROVED": "info",
    "SENDING": "info",
    "ACCEPTED": "info",
    "PARTIAL": "info",
    "CANCEL_PENDING": "info",
    "FILLED": "success",
    "DONE_PARTIAL": "success",
    "DENIED": "warning",
    "EXPIRED": "warning",
    "CANCELLED": "warning",
    "BROKER_EXPIRED": "warning",
    "NOT_EXECUTED": "warning",
    "REJECTED": "danger",
    "UNKNOWN": "danger",
    "LATE_FILLED": "danger",
}


VERIFY_STAGES = {
    2: "Not yet: two readings must show nothing of it; its key takes no entry until then",
    1: "Half: one reading showed nothing of it, one more is due; its key takes no entry until then",
    0: "Yes: nothing of it is at the broker",
}


class TransitionInline(TabularInline[OrderTransition, Order]):
    """Every move of the order, oldest first."""

    model = OrderTransition
    fields = ("at", "source", "target", "cause", "evidence", "actor", "epoch", "build")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(JournalAdmin[Order]):
    inlines = [TransitionInline]
    list_display = [
        "created_at",
        "symbol",
        "purpose",
        "origin",
        "side_label",
        plain("lots"),
        price("filled_price"),
        "status_label",
        "code",
        "account",
    ]
    list_filter = ["status", "purpose", "origin", "account", "symbol", "created_at"]
    list_select_related = ["account", "symbol"]
    search_fields = ["client_id__exact", "decision_key__exact", "broker_order_id__exact"]
    search_help_text = "A client id, decision key or order id of the broker, whole"
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("account", "deployment"),
                    ("purpose", "origin"),
                    ("symbol", "side"),
                    ("lots", "remaining_lots"),
                    ("kind", "price"),
                    ("stop", "take"),
                    "trail",
                    "risk_money",
                ]
            },
        ),
        (
            "Result",
            {
                "fields": [
                    ("status", "code"),
                    "message",
                    "verification",
                    ("filled_lots", "filled_price"),
                    ("broker_order_id", "position_id"),
                ]
            },
        ),
        (
            "Trace",
            {
                "fields": [
                    "run",
                    ("client_id", "decision_key"),
                    ("created_at", "good_until"),
                    ("sent_at", "epoch"),
                    ("finished_at", "expires_at"),
                ]
            },
        ),
    ]

    @display(description="verified")
    def verification(self, order: Order) -> str:
        """How far a rejection is believed."""
        if order.status != Order.Status.REJECTED or order.purpose != Purpose.ENTRY:
            return NOTHING
        return VERIFY_STAGES.get(order.verify_stage, NOTHING)

    @display(description="side", label=SIDE_LABELS)
    def side_label(self, order: Order) -> tuple[int, str]:
        return order.side, order.get_side_display()

    @display(description="status", label=STATUS_LABELS)
    def status_label(self, order: Order) -> tuple[str, str]:
        return order.status, order.get_status_display()


@admin.register(Fill)
class FillAdmin(JournalAdmin[Fill]):
    list_display = [
        "at",
        "symbol",
        "side_label",
        "opens",
        plain("lots"),
        price("price"),
        "profit",
        "commission",
        "swap",
        "reason",
        "account",
    ]
    list_filter = ["opens", "reason", "account", "symbol", "recorded_at"]
    list_select_related = ["account", "symbol"]
    search_fields = ["deal_id__exact"]
    search_help_text = "A deal id of the broker, whole"

    @display(description="side", label=SIDE_LABELS)
    def side_label(self, fill: Fill) -> tuple[int, str]:
        return fill.side, fill.get_side_display()
