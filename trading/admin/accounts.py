"""Accounts, the connections that reach them, and their equity."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from trading.admin.base import NOTHING, JournalAdmin, ModelAdmin, ReadOnlyAdmin, badge, display
from trading.admin.leases import LeaseInline
from trading.brokers import BROKERS
from trading.models import Account, Connection, EquityPoint, PaperBook
from trading.selectors.conditions import Condition, conditions_of
from trading.selectors.netting import shared_symbols
from trading.services.accounts import account_halt, account_reduce, account_release
from trading.services.paper import paper_book_open

HEALTH_LABELS = {
    "ACTIVE": "success",
    "REDUCING": "info",
    "DEGRADED": "warning",
    "HALTED": "danger",
}
NEVER_CHANGED = ["kind", "source", "currency"]
"""What an account is: a row of other money or other prices would be another account."""


UNEXPECTED = ("manual_policy", "adopt_risk_percent", "unprotected_policy", "position_mode")
AT_THE_BROKER = (("kind", "source"), ("currency", "leverage"), "connection", "external_id")


class ConnectionForm(forms.ModelForm[Connection]):
    """The token goes in and never comes out: the page does not even read it."""

    new_token = forms.CharField(
        label="API token",
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="Stored encrypted and never shown again",
    )

    class Meta:
        model = Connection
        fields = ["name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.fields["new_token"].required = False
            self.fields["new_token"].help_text += ". Leave it blank to keep the one in use"


@admin.register(Connection)
class ConnectionAdmin(ModelAdmin[Connection]):
    form = ConnectionForm
    list_display = ["name", "created_at"]
    search_fields = ["name"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        return super().get_queryset(request).defer("token")

    def save_model(
        self,
        request: HttpRequest,
        obj: Connection,
        form: forms.ModelForm[Connection],
        change: bool,
    ) -> None:
        columns = set(form.changed_data) & {"name"}
        if form.cleaned_data["new_token"]:
            obj.token = form.cleaned_data["new_token"]
            columns.add("token")
        obj.save(update_fields=columns if change else None)


class AccountForm(forms.ModelForm[Account]):
    """An account of a broker there is an adapter for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:  # on the page of a new account
            kinds = [(kind, label) for kind, (label, _) in BROKERS.items()]
            self.fields["kind"] = forms.ChoiceField(
                choices=kinds, label="Broker", widget=UnfoldAdminSelectWidget
            )
            self.fields["balance"].help_text = "What a paper account starts with"

    def clean_position_mode(self) -> str:
        """One running deployment for each symbol, where all share its position."""
        mode: str = self.cleaned_data["position_mode"]
        if mode == Account.PositionMode.NETTING and self.instance.pk is not None:
            shared = shared_symbols(account=self.instance)
            if shared:
                raise ValidationError(
                    "Expected one running deployment for each symbol, was more on "
                    f"{', '.join(shared)}: pause the others first"
                )
        return mode

    class Meta:
        model = Account
        fields = [
            "name",
            "is_demo",
            *NEVER_CHANGED,
            "leverage",
            "connection",
            "external_id",
            "balance",
            *UNEXPECTED,
        ]
        help_texts = {
            "manual_policy": "What to do about positions that a person or another program opened",
            "adopt_risk_percent": "An adopted position without a stop gets one where it has lost"
            " this percent of the equity",
            "unprotected_policy": "What to do, within five seconds, about a position of ours whose"
            " stop is missing at the broker",
            "position_mode": "As the broker keeps the account. With netting one deployment may run"
            " on each symbol, for all would share one position",
        }


class AccountList(ChangeList):
    """The list with the condition of every account in it, found for all at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        condition_keep(self.result_list)


def condition_keep(accounts: Iterable[Account]) -> None:
    """Note the condition of each account beside its columns, for the fields that show it."""
    conditions = conditions_of(accounts)
    for account in accounts:
        vars(account)["condition"] = conditions[account.pk]


@admin.register(Account)
class AccountAdmin(ModelAdmin[Account]):
    form = AccountForm
    list_display = ["name", "kind", "condition_label", "why", "equity", "balance", "currency"]
    list_filter = ["state", "kind", "is_demo", "connection"]
    list_select_related = ["connection", "lease"]
    search_fields = ["name", "external_id"]
    autocomplete_fields = ["connection"]
    ordering = ["name"]
    actions = ["halt", "reduce", "release"]
    readonly_fields = [
        "condition",
        "equity",
        "margin",
        "day_start_equity",
        "observed_at",
        "created_at",
    ]
    fieldsets = [
        (
            None,
            {
                "fields": ["condition", "name", "is_demo"],
                "description": "Halt, reduce and release are actions of the list.",
            },
        ),
        ("At the broker", {"fields": AT_THE_BROKER}),
        ("When something unexpected happens", {"fields": UNEXPECTED}),
        (
            "The broker's last word",
            {
                "fields": [
                    ("balance", "equity", "margin"),
                    ("day_start_equity", "observed_at"),
                ],
                "description": "Written by the gateway.",
            },
        ),
    ]
    add_fieldsets = [
        (None, {"fields": ["name", "is_demo", "balance"]}),
        ("At the broker", {"fields": AT_THE_BROKER}),
        ("When something unexpected happens", {"fields": UNEXPECTED}),
    ]

    def get_inlines(
        self, request: HttpRequest, obj: Account | None
    ) -> list[type[InlineModelAdmin[Any, Any]]]:
        return [LeaseInline] if obj is not None else []

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[AccountList]:
        return AccountList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Account | None:
        account = super().get_object(request, object_id, from_field)
        condition_keep([account] if account is not None else [])
        return account

    @display(description="condition", ordering="state", label=HEALTH_LABELS)
    def condition_label(self, account: Account) -> tuple[str, str]:
        health = _condition(account).health
        return health, health.capitalize()

    @display(description="why")
    def why(self, account: Account) -> str:
        return _condition(account).reason or NOTHING

    @display(description="condition")
    def condition(self, account: Account) -> SafeString:
        found = self.condition_label(account)
        return format_html("{} {}", badge(found, HEALTH_LABELS), _condition(account).reason)

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> list[str]:
        fixed = [*NEVER_CHANGED, "balance"] if obj is not None else []
        return [*self.readonly_fields, *fixed]

    def save_model(
        self, request: HttpRequest, obj: Account, form: forms.ModelForm[Account], change: bool
    ) -> None:
        if not change:
            obj.equity = obj.balance
        super().save_model(request, obj, form, change)
        if not change and obj.kind == "paper":
            paper_book_open(account=obj)

    @admin.action(description="Halt: strategies do nothing", permissions=["change"])
    def halt(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        assert isinstance(request.user, User)
        for account in queryset:
            account_halt(account=account, reason=f"Halted by {request.user.get_username()}")
        self.message_user(
            request, f"{len(queryset)} halted: no entries, no exits by signal; stops stay"
        )

    @admin.action(description="Reduce: no entries, exits go on", permissions=["change"])
    def reduce(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        assert isinstance(request.user, User)
        reduced = sum(account_reduce(account=a, actor=request.user) for a in queryset)
        self.message_user(request, f"{reduced} reducing: no entries; exits and stops go on")

    @admin.action(description="Release: trade again", permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        assert isinstance(request.user, User)
        released = sum(account_release(account=a, actor=request.user) for a in queryset)
        self.message_user(
            request, f"{released} released; each trades once the gateway has reached its broker"
        )


def _condition(account: Account) -> Condition:
    found: Condition = vars(account)["condition"]
    return found


@admin.register(PaperBook)
class PaperBookAdmin(ReadOnlyAdmin[PaperBook]):
    list_display = ["account", "version"]
    list_select_related = ["account"]
    search_fields = ["account__name"]
    ordering = ["account__name"]


@admin.register(EquityPoint)
class EquityPointAdmin(JournalAdmin[EquityPoint]):
    list_display = ["at", "account", "equity", "balance"]
    list_filter = ["account"]
    list_select_related = ["account"]
