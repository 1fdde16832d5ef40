"""Risk limits."""

from typing import Any

from django import forms
from django.contrib import admin

from trading.admin.base import ModelAdmin, plain
from trading.models import RiskLimit


class RiskLimitForm(forms.ModelForm[RiskLimit]):
    """One limit for one scope."""

    class Meta:
        model = RiskLimit
        fields = ["control", "value", "account", "deployment", "enabled"]
        help_texts = {
            "account": "Leave account and deployment empty for a limit that holds everywhere",
            "deployment": "The strictest limit that applies wins",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("account") and data.get("deployment"):
            self.add_error("deployment", "Expected an account or a deployment or neither, was both")
        return data


@admin.register(RiskLimit)
class RiskLimitAdmin(ModelAdmin[RiskLimit]):
    form = RiskLimitForm
    list_display = ["control", plain("value"), "scope", "enabled", "created_at"]
    list_filter = ["control", "enabled", "account"]
    list_select_related = ["account", "deployment__strategy", "deployment__symbol"]
    autocomplete_fields = ["account", "deployment"]
    ordering = ["control", "account__name", "id"]
