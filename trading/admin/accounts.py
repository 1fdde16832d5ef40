"""Accounts, the connections that reach them, and their equity."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from trading.admin.base import JournalAdmin, ModelAdmin, ReadOnlyAdmin, display
from trading.brokers import BROKERS
from trading.models import Account, Connection, EquityPoint, PaperBook
from trading.services.accounts import account_halt, account_release
from trading.services.paper import paper_book_open

STATE_LABELS = {"ACTIVE": "success", "REDUCING": "warning", "HALTED": "danger"}
NEVER_CHANGED = ["kind", "source", "currency"]
"""What an account is: a row of other money or other prices would be another account."""


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
        ]


@admin.register(Account)
class AccountAdmin(ModelAdmin[Account]):
    form = AccountForm
    list_display = ["name", "kind", "state_label", "equity", "balance", "currency", "observed_at"]
    list_filter = ["state", "kind", "is_demo", "connection"]
    list_select_related = ["connection"]
    search_fields = ["name", "external_id"]
    autocomplete_fields = ["connection"]
    ordering = ["name"]
    actions = ["halt", "release"]
    readonly_fields = [
        "state",
        "state_reason",
        "equity",
        "margin",
        "day_start_equity",
        "observed_at",
        "created_at",
    ]
    fieldsets = [
        (None, {"fields": ["name", "is_demo"]}),
        ("At the broker", {"fields": AT_THE_BROKER}),
        (
            "The broker's last word",
            {
                "fields": [
                    ("balance", "equity", "margin"),
                    ("day_start_equity", "observed_at"),
                ],
                "description": "Written by the gateway. Halt and release are actions of the list.",
            },
        ),
        ("State", {"fields": ["state", "state_reason"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["name", "is_demo", "balance"]}),
        ("At the broker", {"fields": AT_THE_BROKER}),
    ]

    @display(description="state", ordering="state", label=STATE_LABELS)
    def state_label(self, account: Account) -> tuple[str, str]:
        return account.state, account.get_state_display()

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

    @admin.action(description="Halt: no new entries", permissions=["change"])
    def halt(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        assert isinstance(request.user, User)
        for account in queryset:
            account_halt(account=account, reason=f"Halted by {request.user.get_username()}")
        self.message_user(request, f"{len(queryset)} halted; open positions keep their stops")

    @admin.action(description="Release: trade again", permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        assert isinstance(request.user, User)
        released = sum(account_release(account=a, actor=request.user) for a in queryset)
        self.message_user(
            request, f"{released} released; each trades once the gateway has reached its broker"
        )


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
