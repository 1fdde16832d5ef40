"""Strategies and their deployments."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget

from trading.admin.base import ModelAdmin, display
from trading.admin.shown import limits_in_force, signals_lately
from trading.admin.sizing import FIELDSETS, SIZING_FIELDS, preview_rows, sizing_problem
from trading.engine.hours import hours_of
from trading.engine.strategies import REGISTRY, build, params_from
from trading.engine.types import EngineError
from trading.models import Account, Deployment, Strategy, Symbol
from trading.selectors.netting import netting_rival
from trading.services.strategies import deployment_pause, deployment_resume

WHAT_TRADES = ("account", "strategy", ("symbol", "timeframe"), "hours")


JUDGED = ("signals", "limits")


class StrategyForm(forms.ModelForm[Strategy]):
    """A kind of the registry with parameters that it accepts."""

    kind = forms.ChoiceField(
        choices=lambda: [(kind, f"{s.label} ({kind})") for kind, s in REGISTRY.items()],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Strategy
        fields = ["name", "kind", "params", "description"]
        help_texts = {
            "params": "A JSON object; what is left out has its default. A change holds from the"
            " next closed bar of every deployment of this strategy"
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "kind" in data and "params" in data:
            try:
                params_from(data["kind"], _mapping(data["params"]))
            except EngineError as e:
                self.add_error("params", str(e))
        return data


@admin.register(Strategy)
class StrategyAdmin(ModelAdmin[Strategy]):
    form = StrategyForm
    list_display = ["name", "kind", "description", "created_at"]
    list_filter = ["kind"]
    search_fields = ["name"]
    ordering = ["name"]
    readonly_fields = ["catalogue"]
    fieldsets = [
        (None, {"fields": ["name", "kind", "params", "description"]}),
        ("Parameters of each kind", {"fields": ["catalogue"], "classes": ["collapse"]}),
    ]

    @display(description="")
    def catalogue(self, strategy: Strategy | None) -> SafeString:
        rows = format_html_join("", "<tr>" + "<td>{}</td>" * 5 + "</tr>", _parameters())
        heads = "<th>Kind</th><th>Parameter</th><th>Default</th><th>Range</th><th>Meaning</th>"
        return format_html(
            '<table class="tb-parameters"><thead><tr>' + heads + "</tr></thead>{}</table>", rows
        )


class DeploymentForm(forms.ModelForm[Deployment]):
    """A strategy that can be built, on a symbol of the prices its account trades at."""

    class Meta:
        model = Deployment
        fields = ["account", "strategy", "symbol", "timeframe", "hours", *SIZING_FIELDS]

    def clean_hours(self) -> str:
        hours: str = self.cleaned_data["hours"]
        try:
            hours_of(hours)
        except EngineError as e:
            raise ValidationError(str(e)) from e
        return hours

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        account, symbol = data.get("account"), data.get("symbol")
        if account is not None and symbol is not None:
            self._check_symbol(account, symbol)
        self._check_strategy(data.get("strategy"))
        problem = sizing_problem(data)
        if problem:
            self.add_error("sizing_method", problem)
        return data

    def _check_symbol(self, account: Account, symbol: Symbol) -> None:
        if account.source != symbol.source:
            message = (
                f"Expected a symbol of {account.source!r}, where {account} trades, was {symbol}"
            )
            self.add_error("symbol", message)
        rival = netting_rival(account=account, symbol=symbol)
        if rival is not None:
            self.add_error("symbol", shares_with(rival))

    def _check_strategy(self, strategy: Strategy | None) -> None:
        if strategy is None:
            return
        try:
            build(strategy.kind, strategy.params)
        except EngineError as e:
            self.add_error("strategy", f"Its parameters do not fit: {e}")


def shares_with(rival: Deployment) -> str:
    """Why a deployment may not run beside another one of a netting account."""
    return (
        f"Expected one running deployment on {rival.symbol.name}, for this account nets its "
        f"positions, was also {rival}: pause that one first"
    )


@admin.register(Deployment)
class DeploymentAdmin(ModelAdmin[Deployment]):
    form = DeploymentForm
    list_display = ["__str__", "account", "state_label", "size", "created_at"]
    list_filter = ["state", "account", "timeframe", "strategy"]
    search_fields = ["strategy__name", "symbol__name", "account__name"]
    autocomplete_fields = ["account", "strategy", "symbol"]
    readonly_fields = ["state", "magic", "created_at", *JUDGED]
    ordering = ["account__name", "strategy__name", "id"]
    actions = ["pause", "resume"]
    actions_detail = ["preview"]
    fieldsets = [
        (None, {"fields": WHAT_TRADES}),
        *FIELDSETS,
        (
            "State",
            {
                "fields": [("state", "magic", "created_at")],
                "description": "Pause and resume are actions of the list. A paused deployment"
                " makes no entries; its positions keep their stops and exits.",
            },
        ),
        (
            "Limits",
            {
                "fields": JUDGED,
                "description": "What holds for its entries, in the order in which the gate asks.",
            },
        ),
    ]
    add_fieldsets = [
        (
            None,
            {
                "fields": WHAT_TRADES,
                "description": "A new deployment is paused: resume it from the list.",
            },
        ),
        *FIELDSETS,
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Deployment | None = None) -> list[str]:
        """Its orders and decisions hang on what it is: only sizes and hours may change."""
        fixed = ["account", "strategy", "symbol", "timeframe"] if obj is not None else []
        return [*self.readonly_fields, *fixed]

    @display(description="state", ordering="state", label={"RUNNING": "success"})
    def state_label(self, deployment: Deployment) -> tuple[str, str]:
        return deployment.state, deployment.get_state_display()

    @display(description="signals of 7 days")
    def signals(self, deployment: Deployment) -> str:
        return signals_lately(deployment)

    @display(description="")
    def limits(self, deployment: Deployment) -> SafeString | str:
        return limits_in_force(deployment)

    @admin.display(description="size", ordering="risk_percent")
    def size(self, deployment: Deployment) -> str:
        return deployment.size_text

    @action(description="What would be traded now", url_path="preview", permissions=["view"])
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        deployment = get_object_or_404(self.get_queryset(request), pk=object_id)
        context = {**self.admin_site.each_context(request), "opts": self.opts}
        context |= {"title": f"{deployment}: what would be traded now", "deployment": deployment}
        context["rows"] = preview_rows(deployment)
        return TemplateResponse(request, "admin/trading/deployment/preview.html", context)

    @display(description="magic number")
    def magic(self, deployment: Deployment) -> int | None:
        return deployment.pk

    @admin.action(description="Pause: no new entries", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Deployment]) -> None:
        assert isinstance(request.user, User)
        paused = sum(deployment_pause(deployment=d, actor=request.user) for d in queryset)
        self.message_user(request, f"{paused} paused; open positions keep their stops")

    @admin.action(description="Resume from the next bar", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Deployment]) -> None:
        assert isinstance(request.user, User)
        resumed = 0
        for d in queryset.select_related("account", "strategy", "symbol"):
            rival = netting_rival(account=d.account, symbol=d.symbol, besides=d)
            if rival is not None:
                self.message_user(request, f"{d}: {shares_with(rival)}", messages.ERROR)
            else:
                resumed += deployment_resume(deployment=d, actor=request.user)
        self.message_user(request, f"{resumed} resumed; asked again from the next closed bar on")


def _mapping(params: object) -> dict[str, object]:
    if not isinstance(params, dict):
        raise ValidationError({"params": f"Expected a JSON object, was {params!r}"})
    return params


def _parameters() -> Iterable[tuple[str, str, object, str, str]]:
    for kind, strategy in REGISTRY.items():
        for f in fields(strategy.params_type):
            span = f"{f.metadata['low']} to {f.metadata['high']}"
            yield kind, f.name, f.default, span, f.metadata["help"]
