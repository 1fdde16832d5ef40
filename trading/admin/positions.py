"""Positions: the engine's, but staff may close them and look after their stops."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from trading.admin.base import JournalAdmin, display, plain, price
from trading.admin.orders import SIDE_LABELS
from trading.models import Position
from trading.services.closes import CloseRefused, position_close
from trading.services.positions import position_hands

STATE_LABELS = {
    "OPEN": "info",
    "HANDS_OFF": "warning",
    "UNPROTECTED": "danger",
    "MISSING": "danger",
}


@admin.register(Position)
class PositionAdmin(JournalAdmin[Position]):
    """Nothing of the row is edited: the broker says what a position is, actions ask for changes."""

    list_display = [
        "opened_at",
        "symbol",
        "side_label",
        plain("lots"),
        price("entry_price"),
        price("stop"),
        price("exit_price"),
        "profit",
        "state_label",
        "closed_at",
        "account",
    ]
    list_filter = [
        ("closed_at", admin.EmptyFieldListFilter),
        "origin",
        "side",
        "exit_reason",
        "account",
        "symbol",
    ]
    list_select_related = ["account", "symbol"]
    search_fields = ["broker_id__exact"]
    search_help_text = "A position id of the broker, whole"
    actions = ["close", "close_half", "hands_off", "hands_on"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("account", "deployment"),
                    ("symbol", "origin"),
                    ("side", "lots"),
                    ("entry_price", "opened_at"),
                    "broker_id",
                ]
            },
        ),
        (
            "Protection",
            {
                "fields": [
                    ("stop", "wanted_stop"),
                    ("take", "trail"),
                    ("hands_off", "moving_since"),
                    ("unprotected_since", "missing_since"),
                ]
            },
        ),
        (
            "Result",
            {
                "fields": [
                    ("closed_at", "exit_reason"),
                    ("exit_price", "profit"),
                    ("commission", "swap"),
                ]
            },
        ),
    ]

    @display(description="side", label=SIDE_LABELS)
    def side_label(self, position: Position) -> tuple[int, str]:
        return position.side, position.get_side_display()

    @display(description="state", label=STATE_LABELS)
    def state_label(self, position: Position) -> tuple[str, str]:
        """What matters most of it; once closed, why."""
        if position.closed_at is not None:
            return position.exit_reason, position.exit_reason
        if position.missing_since is not None:
            return "MISSING", "Missing"
        if position.hands_off:
            return "HANDS_OFF", "Hands off"
        if position.unprotected_since is not None:
            return "UNPROTECTED", "No stop"
        return "OPEN", "Open"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of a position offers what the list offers for it."""
        actions = [action for action in self.get_actions(request).values() if action is not None]
        allowed = [(name, label) for _, name, label in actions]
        context = {**(extra_context or {}), "steering": allowed}
        return super().change_view(request, object_id, form_url, context)

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.close_position")

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.change_position")

    @admin.action(description="Close at the broker", permissions=["close"])
    def close(self, request: HttpRequest, queryset: QuerySet[Position]) -> None:
        self._close(request, queryset, half=False)

    @admin.action(description="Close half at the broker", permissions=["close"])
    def close_half(self, request: HttpRequest, queryset: QuerySet[Position]) -> None:
        self._close(request, queryset, half=True)

    @admin.action(description="Hands off: a person looks after the stop", permissions=["steer"])
    def hands_off(self, request: HttpRequest, queryset: QuerySet[Position]) -> None:
        changed = self._hands(request, queryset, off=True)
        self.message_user(request, f"{changed} left alone: no stop is restored on them")

    @admin.action(description="Hands on: look after the stop again", permissions=["steer"])
    def hands_on(self, request: HttpRequest, queryset: QuerySet[Position]) -> None:
        changed = self._hands(request, queryset, off=False)
        self.message_user(request, f"{changed} looked after again: a missing stop is restored")

    def _close(self, request: HttpRequest, queryset: QuerySet[Position], *, half: bool) -> None:
        assert isinstance(request.user, User)
        asked = 0
        for position in queryset:
            try:
                position_close(position=position, actor=request.user, half=half)
            except CloseRefused as e:
                self.message_user(request, str(e), messages.ERROR)
            else:
                asked += 1
        if asked:
            what = "half of it" if half else "all of it"
            message = f"{asked} asked to be closed, {what}; the orders tell what became of it"
            self.message_user(request, message)

    def _hands(self, request: HttpRequest, queryset: QuerySet[Position], *, off: bool) -> int:
        assert isinstance(request.user, User)
        rows = queryset.select_related("account", "symbol", "deployment")
        return sum(position_hands(position=p, off=off, actor=request.user) for p in rows)
