"""Accounts and their equity."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import InlineModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Field, ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSelectWidget

from trading.admin.base import NOTHING, JournalAdmin, ModelAdmin, ReadOnlyAdmin, badge, display
from trading.admin.leases import LeaseInline
from trading.admin.presets import preset_ask
from trading.admin.shown import challenge_progress, standing
from trading.brokers import BROKERS
from trading.models import Account, Connection, EquityPoint, PaperBook
from trading.selectors.conditions import Condition, conditions_of
from trading.selectors.netting import shared_symbols
from trading.services.accounts import account_halt, account_reduce, account_release
from trading.services.paper import paper_book_open
from trading.services.remote import source_of
from trading.services.remote_jobs import account_deploy_ask, account_undeploy_ask

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
AT_METAAPI = (("platform", "server"), ("login", "region"), "remote_state")


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

    def clean(self) -> None:
        """A MetaApi account is one that MetaApi knows, and has no other row."""
        data = super().clean() or self.cleaned_data
        if data.get("kind") != "metaapi":
            return
        for name in ("connection", "external_id"):
            if not data.get(name):
                self.add_error(name, "Expected a value for an account at MetaApi, was none")
        known = Account.objects.filter(kind="metaapi", external_id=data.get("external_id") or "-")
        if row := known.first():
            self.add_error("external_id", f"Expected an account without a row, was {row}")

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
            "initial_balance",
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


class ConnectionFilter(admin.RelatedFieldListFilter):
    """Names only: the stock filter reads whole rows, and the tokens with them."""

    def field_choices(
        self, field: Field[Any, Any], request: HttpRequest, model_admin: Any
    ) -> list[tuple[str, Any]]:
        rows = Connection.objects.order_by("name").values_list("pk", "name")
        return [(str(pk), name) for pk, name in rows]


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
    list_filter = ["state", "kind", "is_demo", ("connection", ConnectionFilter)]
    search_fields = ["name", "external_id"]
    autocomplete_fields = ["connection"]
    ordering = ["name"]
    actions = ["halt", "reduce", "release", "preset", "deploy", "undeploy"]
    readonly_fields = [
        "condition",
        "standing",
        "challenge_card",
        *("platform", "server", "login", "region", "remote_state"),
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
                "description": "Halt, reduce, release, deploy, undeploy: actions of the list.",
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
        ("Limits", {"fields": ["initial_balance", "standing", "challenge_card"]}),
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """The connection without its token: the web needs no key."""
        rows = super().get_queryset(request).select_related("connection", "lease")
        return rows.defer("connection__token")

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "connection":
            kwargs["queryset"] = Connection.objects.defer("token")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Account | None = None) -> Any:
        found = list(super().get_fieldsets(request, obj))
        if obj is None or obj.kind != "metaapi":
            return found
        told = {"fields": AT_METAAPI, "description": "As MetaApi told at the last look."}
        return [*found[:2], ("At MetaApi", told), *found[2:]]

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

    @display(description="challenge")
    def challenge_card(self, account: Account) -> SafeString | str:
        return challenge_progress(account)

    @display(description="")
    def standing(self, account: Account) -> SafeString | str:
        return standing(account)

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> list[str]:
        fixed = [*NEVER_CHANGED, "balance"] if obj is not None else []
        if obj is not None and obj.kind == "metaapi":
            fixed += ["external_id"]
        return [*self.readonly_fields, *fixed]

    def save_model(
        self, request: HttpRequest, obj: Account, form: forms.ModelForm[Account], change: bool
    ) -> None:
        if not change and obj.kind == "metaapi":
            obj.balance, obj.source = Decimal(0), source_of(obj.external_id)
        if not change:
            obj.equity, obj.initial_balance = obj.balance, obj.balance or None
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

    @admin.action(description="Set ready-made limits", permissions=["change"])
    def preset(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        return preset_ask(self, request, queryset)

    @admin.action(description="Deploy: start the terminal at MetaApi", permissions=["change"])
    def deploy(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        what = "Its terminal starts at MetaApi, which costs money as long as it runs."
        return self._asked(request, queryset, account_deploy_ask, ("deploy", what))

    @admin.action(description="Undeploy: stop the terminal at MetaApi", permissions=["change"])
    def undeploy(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        what = (
            "Its terminal stops at MetaApi: no quotes, no orders, and nobody looks after its stops."
            " Refused while anything is open."
        )
        return self._asked(request, queryset, account_undeploy_ask, ("undeploy", what))

    def _asked(
        self,
        request: HttpRequest,
        queryset: QuerySet[Account],
        ask: Callable[..., None],
        action: tuple[str, str],
    ) -> HttpResponse | None:
        """Ask the person first, then the queue."""
        assert isinstance(request.user, User)
        name, what = action
        accounts = list(queryset.filter(kind="metaapi", connection__isnull=False))
        if not accounts:
            self.message_user(request, "Expected accounts at MetaApi, was none", messages.ERROR)
            return None
        if "confirmed" not in request.POST:
            context = {**self.admin_site.each_context(request), "action": name, "what": what}
            context |= {"accounts": accounts, "opts": self.opts, "title": f"{name.title()}?"}
            return TemplateResponse(request, "admin/trading/account/confirm.html", context)
        for account in accounts:
            ask(account=account, actor=request.user)
        message = f"{len(accounts)} asked for; the events tell what became of it"
        self.message_user(request, message)
        return None


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
