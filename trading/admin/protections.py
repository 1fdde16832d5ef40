"""Protections, and the locks they and people put on."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timezone import now

from trading.admin.base import ModelAdmin, display, plain
from trading.engine.types import EngineError
from trading.models import Lock, ProtectionRule, Side
from trading.services.protections import LockScope, lock_add, lock_release

LOCK_LABELS = {"HOLDS": "danger", "OVER": "info"}


class ProtectionForm(forms.ModelForm[ProtectionRule]):
    """A rule whose numbers make sense together."""

    class Meta:
        model = ProtectionRule
        exclude: list[str] = []
        help_texts = {
            "account": "Only this account; empty: all",
            "symbol": "Only this symbol; empty: all",
            "deployment": "Only this deployment; empty: all",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        columns = {name: data[name] for name in self.fields if name in data}
        try:
            ProtectionRule(**columns).rule()
        except EngineError as e:
            self.add_error(None, str(e))
        return data


@admin.register(ProtectionRule)
class ProtectionRuleAdmin(ModelAdmin[ProtectionRule]):
    form = ProtectionForm
    list_display = [
        "kind",
        "scope",
        "where",
        "trades",
        plain("threshold"),
        "unit",
        "lookback",
        "lock_minutes",
        "enabled",
    ]
    list_filter = ["kind", "scope", "enabled", "account"]
    list_select_related = ["account", "symbol", "deployment__strategy", "deployment__symbol"]
    autocomplete_fields = ["account", "symbol", "deployment"]
    ordering = ["kind", "id"]
    fieldsets = [
        (None, {"fields": ["kind", "enabled", "scope", ("account", "symbol", "deployment")]}),
        (
            "When it locks",
            {
                "fields": [
                    ("trades", "lookback"),
                    ("threshold", "unit"),
                    ("per_side", "with_open"),
                ],
                "description": "Profits are net of commission and swap.",
            },
        ),
        ("For how long", {"fields": ["lock_minutes", ("reset", "zone")]}),
    ]

    @display(description="only for")
    def where(self, rule: ProtectionRule) -> str:
        found = (rule.account, rule.symbol, rule.deployment)
        return ", ".join(str(row) for row in found if row is not None) or "all"


class LockForm(forms.ModelForm[Lock]):
    """Put on a lock."""

    class Meta:
        model = Lock
        fields = ["account", "symbol", "deployment", "side", "reason", "expires_at"]
        help_texts = {
            "account": "Leave account, symbol and deployment empty to lock everything",
            "symbol": "With an account: the symbol of that account only",
            "reason": "What the others will read",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("deployment") and (data.get("account") or data.get("symbol")):
            self.add_error("deployment", "Expected a deployment or an account and symbol, was both")
        end = data.get("expires_at")
        if end is not None and end <= now():
            self.add_error("expires_at", "Expected an end in the future, was over already")
        return data


class ReleaseForm(forms.ModelForm[Lock]):
    """Release a lock."""

    class Meta:
        model = Lock
        fields = ["end_reason"]
        help_texts = {"end_reason": "Why entries may pass again; saving releases the lock"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "end_reason" in self.fields:
            self.fields["end_reason"].required = True


ASKED = ["account", "symbol", "deployment", "side", "reason", "expires_at"]
ORIGIN = ["rule", "trade", "locked_by", "locked_at"]
ENDED = ["ended_by", "ended_at"]


class HoldingFilter(admin.SimpleListFilter):
    """Those that keep entries out now, or those that are over."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("holds", "Holds"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Lock]) -> QuerySet[Lock]:
        over = queryset.filter(ended_at__isnull=False) | queryset.filter(expires_at__lte=now())
        if self.value() == "over":
            return over
        return queryset.exclude(pk__in=over.values("pk")) if self.value() == "holds" else queryset


@admin.register(Lock)
class LockAdmin(ModelAdmin[Lock]):
    """Adding locks, saving a reason releases; nothing else can be changed."""

    list_display = [
        "locked_at",
        "scope",
        "side",
        "state_label",
        "reason",
        "locked_by",
        "expires_at",
        "ended_by",
    ]
    list_filter = [HoldingFilter, "rule__kind", "side", "account"]
    list_select_related = ["account", "deployment__strategy", "deployment__symbol", "symbol"]
    autocomplete_fields = ["account", "deployment", "symbol"]
    ordering = ["-id"]

    @display(description="state", label=LOCK_LABELS)
    def state_label(self, lock: Lock) -> tuple[str, str]:
        over = lock.ended_at is not None or (
            lock.expires_at is not None and lock.expires_at <= now()
        )
        return ("OVER", "Over") if over else ("HOLDS", "Holds")

    def get_form(
        self, request: HttpRequest, obj: Lock | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Lock]]:
        kwargs["form"] = ReleaseForm if change else LockForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Lock | None = None) -> Any:
        return ASKED if obj is None else [*ASKED, *ORIGIN, "end_reason", *ENDED]

    def get_readonly_fields(self, request: HttpRequest, obj: Lock | None = None) -> list[str]:
        if obj is None:
            return []
        fixed = [*ASKED, *ORIGIN, *ENDED]
        return [*fixed, "end_reason"] if obj.ended_at else fixed

    def has_change_permission(self, request: HttpRequest, obj: Lock | None = None) -> bool:
        return request.user.has_perm("trading.release_lock")

    def has_delete_permission(self, request: HttpRequest, obj: Lock | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Lock, form: Any, change: bool) -> None:
        if not isinstance(request.user, User):
            raise PermissionDenied
        if change:
            lock_release(lock=obj, actor=request.user, reason=obj.end_reason)
            return
        side = None if obj.side is None else Side(obj.side)
        lock = lock_add(
            scope=LockScope(obj.account, obj.symbol, obj.deployment, side),
            reason=obj.reason,
            actor=request.user.get_username(),
            expires_at=obj.expires_at,
        )
        obj.pk = lock.pk
