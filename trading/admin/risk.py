"""Kill switches."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from trading.admin.base import ModelAdmin
from trading.models import KillMode, KillSwitch
from trading.services.switches import Scope, kill_pull, kill_rearm


class PullForm(forms.ModelForm[KillSwitch]):
    """Pull a switch."""

    class Meta:
        model = KillSwitch
        fields = ["mode", "account", "deployment", "symbol", "reason"]
        help_texts = {
            "account": "Leave account, deployment and symbol empty to stop everything",
            "reason": "What the others will read",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if sum(bool(data.get(name)) for name in ("account", "deployment", "symbol")) > 1:
            self.add_error(None, "Expected one account, deployment or symbol, or none of them")
        return data


class RearmForm(forms.ModelForm[KillSwitch]):
    """Re-arm a switch."""

    class Meta:
        model = KillSwitch
        fields = ["rearm_reason"]
        help_texts = {"rearm_reason": "Why it is safe again; saving re-arms the switch"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "rearm_reason" in self.fields:
            self.fields["rearm_reason"].required = True


PULLED = ["mode", "account", "deployment", "symbol", "reason"]
LATCH = ["pulled_by", "pulled_at"]
REARMED = ["rearmed_by", "rearmed_at"]


@admin.register(KillSwitch)
class KillSwitchAdmin(ModelAdmin[KillSwitch]):
    """Adding pulls, saving a reason re-arms; nothing else can be changed."""

    list_display = ["pulled_at", "mode", "scope", "reason", "pulled_by", "rearmed_at", "rearmed_by"]
    list_filter = ["mode", ("rearmed_at", admin.EmptyFieldListFilter), "account"]
    list_select_related = ["account", "deployment__strategy", "deployment__symbol", "symbol"]
    autocomplete_fields = ["account", "deployment", "symbol"]
    ordering = ["-id"]

    def get_form(
        self,
        request: HttpRequest,
        obj: KillSwitch | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[forms.ModelForm[KillSwitch]]:
        kwargs["form"] = RearmForm if change else PullForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: KillSwitch | None = None) -> Any:
        return PULLED if obj is None else [*PULLED, *LATCH, "rearm_reason", *REARMED]

    def get_readonly_fields(self, request: HttpRequest, obj: KillSwitch | None = None) -> list[str]:
        if obj is None:
            return []
        fixed = [*PULLED, *LATCH, *REARMED]
        return [*fixed, "rearm_reason"] if obj.rearmed_at else fixed

    def has_change_permission(self, request: HttpRequest, obj: KillSwitch | None = None) -> bool:
        return request.user.has_perm("trading.rearm_killswitch")

    def has_delete_permission(self, request: HttpRequest, obj: KillSwitch | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: KillSwitch, form: Any, change: bool) -> None:
        if not isinstance(request.user, User):
            raise PermissionDenied
        if change:
            kill_rearm(switch=obj, actor=request.user, reason=obj.rearm_reason)
            return
        scope = Scope(obj.account, obj.deployment, obj.symbol)
        actor = request.user.get_username()
        switch = kill_pull(scope=scope, mode=KillMode(obj.mode), reason=obj.reason, actor=actor)
        obj.pk = switch.pk
