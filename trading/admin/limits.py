"""Risk limits and the groups of accounts they may be set for."""

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from trading.admin.base import ModelAdmin, display
from trading.admin.shown import table, terms_words
from trading.engine.risk import SPECS, Action, Control, Reference, Trailing, Unit
from trading.engine.types import EngineError
from trading.models import AccountGroup, RiskLimit
from trading.models.limits import words_of
from trading.services.limits import terms_of

FAMILIES = {
    "O": "Orders",
    "S": "Strategies and symbols",
    "C": "Currencies and exposure",
    "A": "Accounts",
    "G": "Everything",
}
TARGETS = ("group", "account", "currency", "symbol", "deployment")
FIELDS = [
    *("control", "enabled", "value", "unit", "action", *TARGETS, "period", "reset", "zone"),
    *("reference", "trailing", "lock", "hedge_credit", "hard"),
]
_NAMED = re.compile(r"Expected (?:an? |no )?(\w+)")
_FIELD_OF = {"IANA": "zone", "whole": "value", "window": "seconds"}
"""The field that a word of the engine's complaint is about, where it is not the word itself."""


PROPOSED = ("", "As the control proposes")


def control_choices() -> list[tuple[str, Any]]:
    """The controls under their families."""
    return [
        ("", "---------"),
        *(
            (
                family,
                [
                    (control.value, f"{spec.label} ({spec.catalogue})")
                    for control, spec in SPECS.items()
                    if spec.catalogue.startswith(letter)
                ],
            )
            for letter, family in FAMILIES.items()
        ),
    ]


class RiskLimitForm(forms.ModelForm[RiskLimit]):
    """A limit that makes sense; what is left empty is as its control proposes."""

    control = forms.ChoiceField(choices=control_choices, widget=UnfoldAdminSelectWidget)
    unit = forms.ChoiceField(
        required=False, choices=[PROPOSED, *words_of(Unit)], widget=UnfoldAdminSelectWidget
    )
    action = forms.ChoiceField(
        required=False,
        choices=[PROPOSED, *words_of(Action)],
        widget=UnfoldAdminSelectWidget,
        help_text="What a breach leads to",
    )
    seconds = forms.IntegerField(  # the browser's scripts have a `window` of their own
        required=False,
        label="Window",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Seconds over which it counts; empty: as the control proposes",
    )
    hard = forms.TypedChoiceField(
        required=False,
        label="Until",
        choices=[
            PROPOSED,
            ("True", "A person re-arms it"),
            ("False", "The next reset"),
        ],
        coerce=lambda value: value == "True",
        empty_value=None,
        widget=UnfoldAdminSelectWidget,
        help_text="How long holds what a breach has stopped",
    )

    class Meta:
        model = RiskLimit
        fields = FIELDS
        help_texts = {
            "value": "In the unit; 1 for what is simply on",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "control" in self.fields:
            self.fields["control"].disabled = True
            self.fields["seconds"].initial = self.instance.window

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "control" not in data or "value" not in data:
            return data
        control = Control(data["control"])
        data.update(_settled(control, {**data, "window": data.get("seconds")}))
        self.instance.window = data.pop("window")
        if not self.errors:
            columns = {name: data[name] for name in FIELDS}
            self._check(RiskLimit(**columns, window=self.instance.window))
        return data

    def _check(self, row: RiskLimit) -> None:
        named = [name for name in TARGETS if getattr(row, name)]
        if len(named) > 1:
            self.add_error(named[-1], f"Expected one of {', '.join(TARGETS)}, was {len(named)}")
            return
        try:
            row.limit()
        except EngineError as e:
            message = str(e).rpartition(": ")[2].replace("expected", "Expected", 1)
            named_one = _NAMED.match(message)
            word = named_one[1] if named_one else ""
            field = _FIELD_OF.get(word, word)
            if word == "scope":
                field = named[0] if named else "account"
            self.add_error(field if field in self.fields else None, message)


def _settled(control: Control, data: dict[str, Any]) -> dict[str, Any]:
    """The terms of a limit: as given, as the control proposes, and nothing it does not know."""
    spec, terms = control.spec, terms_of(control)
    given = {name: data.get(name) for name in terms if data.get(name) not in (None, "")}
    settled = {**terms, **given}
    if not spec.periodic:
        settled["period"] = ""
    if spec.window is None:
        settled["window"] = None
    if not spec.referenced:
        settled["reference"] = Reference.HIGHER.value
    if not spec.trails:
        settled |= {"trailing": Trailing.STATIC.value, "lock": None}
    if control is not Control.CORRELATED_EXPOSURE:
        settled["hedge_credit"] = True
    return settled


def _where(*names: str) -> str:
    """The condition, in the browser, that the control chosen has one of the traits."""
    controls = [c.value for c, s in SPECS.items() if any(getattr(s, name) for name in names)]
    return f"[{', '.join(repr(c) for c in controls)}].includes(control)"


@admin.register(RiskLimit)
class RiskLimitAdmin(ModelAdmin[RiskLimit]):
    form = RiskLimitForm
    list_display = ["label", "words", "scope", "action_label", "terms", "enabled"]
    list_filter = ["control", "action", "enabled", "account", "group"]
    list_select_related = [
        *("group", "account", "symbol", "deployment__strategy", "deployment__symbol"),
    ]
    autocomplete_fields = ["group", "account", "symbol", "deployment"]
    ordering = ["control", "account__name", "id"]
    readonly_fields = ["catalogue"]
    fieldsets = [
        (None, {"fields": [("control", "enabled"), ("value", "unit"), ("action", "hard")]}),
        (
            "Set for",
            {
                "fields": ["group", "account", "currency", "symbol", "deployment"],
                "description": "One of these; none: everything.",
            },
        ),
        (
            "Terms",
            {
                "fields": [
                    "period",
                    ("reset", "zone"),
                    "seconds",
                    "reference",
                    ("trailing", "lock"),
                    "hedge_credit",
                ],
                "description": "Those that the control has.",
            },
        ),
        ("Every control", {"fields": ["catalogue"], "classes": ["collapse"]}),
    ]
    conditional_fields = {
        "period": _where("periodic"),
        "reset": _where("periodic"),
        "zone": _where("periodic"),
        "seconds": _where("window"),
        "reference": _where("referenced"),
        "trailing": _where("trails"),
        "lock": _where("trails"),
        "hedge_credit": "control == 'CORRELATED_EXPOSURE'",
        "currency": "control == 'CURRENCY_EXPOSURE'",
    }

    @display(description="limit", ordering="control")
    def label(self, row: RiskLimit) -> str:
        return row.get_control_display()

    @display(description="value", ordering="value")
    def words(self, row: RiskLimit) -> str:
        return f"{row.value.normalize():f} {Unit(row.unit).words}".rstrip()

    @display(description="at a breach", ordering="action")
    def action_label(self, row: RiskLimit) -> str:
        return row.get_action_display()

    @display(description="terms")
    def terms(self, row: RiskLimit) -> str:
        try:
            return terms_words(row.limit())
        except EngineError as e:
            return f"Makes no sense, nothing passes: {e}"

    @display(description="")
    def catalogue(self, row: RiskLimit | None) -> SafeString:
        heads = ("Control", "What must hold", "Units", "May be set for", "Wins", "At a breach")
        return table(heads, (_spec_row(control) for control in SPECS))

    def save_model(
        self, request: HttpRequest, obj: RiskLimit, form: forms.ModelForm[RiskLimit], change: bool
    ) -> None:
        """All columns: those that depend on the control follow what was edited."""
        obj.save()


def _spec_row(control: Control) -> tuple[str, ...]:
    spec = control.spec

    def listed(words: Any) -> str:
        return ", ".join(str(word).lower().replace("_", " ") for word in words)

    return (
        f"{spec.label} ({spec.catalogue})",
        spec.rule,
        listed(spec.units),
        listed(spec.scopes),
        spec.wins.lower(),
        f"{listed(spec.actions)}; code {spec.code}",
    )


@admin.register(AccountGroup)
class AccountGroupAdmin(ModelAdmin[AccountGroup]):
    list_display = ["name", "members", "currency", "created_at"]
    search_fields = ["name"]
    autocomplete_fields = ["accounts"]
    ordering = ["name"]
    fields = ["name", "accounts", "currency"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("accounts")

    @display(description="accounts")
    def members(self, group: AccountGroup) -> str:
        return ", ".join(sorted(account.name for account in group.accounts.all()))
