"""The page that asks which ready-made limits accounts shall get."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from trading.admin.base import ModelAdmin
from trading.engine.types import EngineError
from trading.models import Account
from trading.services.presets import Applying, preset_apply, preset_named, presets


def preset_choices() -> list[tuple[str, str]]:
    return [(preset.name, preset.title) for preset in presets().values()]


class PresetForm(forms.Form):
    """A preset, and how it is applied."""

    preset = forms.ChoiceField(choices=preset_choices, widget=UnfoldAdminSelectWidget)
    phase = forms.IntegerField(
        initial=1,
        min_value=1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Of the programme; 1 is the first",
    )
    initial_balance = forms.DecimalField(
        required=False,
        min_value=0,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Empty: as known, else the balance of now",
    )
    alone = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Switch the account's other limits off",
    )


def preset_ask(
    page: ModelAdmin[Account], request: HttpRequest, accounts: QuerySet[Account]
) -> HttpResponse | None:
    """Ask, then apply to each account; what an account refuses is said."""
    confirmed = "confirmed" in request.POST
    form = PresetForm(request.POST if confirmed else None)
    if not (confirmed and form.is_valid()):
        context: dict[str, Any] = {**page.admin_site.each_context(request), "form": form}
        notes = {preset.title: preset.note for preset in presets().values()}
        context |= {"accounts": accounts, "opts": page.opts, "title": "Set limits", "notes": notes}
        return TemplateResponse(request, "admin/trading/account/preset.html", context)
    data = form.cleaned_data
    how = Applying(data["phase"], data["initial_balance"] or None, data["alone"])
    assert isinstance(request.user, User)
    preset = preset_named(data["preset"])
    for account in accounts:
        try:
            rows = preset_apply(preset=preset, account=account, actor=request.user, how=how)
        except EngineError as e:
            page.message_user(request, str(e), messages.ERROR)
        else:
            page.message_user(request, f"{account}: {len(rows)} limits of {preset.title}")
    return None
