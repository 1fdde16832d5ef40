"""Leases: which gateway runs what."""

from django.contrib import admin
from django.http import HttpRequest

from trading.admin.base import ReadOnlyAdmin, TabularInline, display
from trading.models import Account, Lease

LEASE_LABELS = {"READY": "success", "STARTING": "warning", "FREE": "info"}


class LeaseInline(TabularInline[Lease, Account]):
    """Which gateway runs the account, on its page."""

    model = Lease
    fields = ("owner", "acquired_at", "epoch", "state", "min_build")
    readonly_fields = fields
    verbose_name_plural = "Lease: which gateway runs it"
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return False


@admin.register(Lease)
class LeaseAdmin(ReadOnlyAdmin[Lease]):
    """To look at only: a lease is taken, renewed and let go by gateways."""

    list_display = ["thing", "owner", "state_label", "epoch", "acquired_at", "min_build"]
    list_filter = ["state"]
    list_select_related = ["account", "market"]
    search_fields = ["account__name", "market__source", "owner"]
    ordering = ["account__name", "market__source", "id"]
    fields = [
        ("account", "market"),
        ("owner", "acquired_at"),
        ("epoch", "state", "min_build"),
        "host",
    ]

    @display(description="account or market", ordering="account__name")
    def thing(self, lease: Lease) -> str:
        return str(lease.account or f"Market {lease.market}")

    @display(description="state", ordering="state", label=LEASE_LABELS)
    def state_label(self, lease: Lease) -> tuple[str, str]:
        if not lease.owner:
            return "FREE", "Free"
        if lease.market_id is not None:  # nothing to reconcile
            return "READY", "Held"
        return lease.state, lease.state.capitalize()
