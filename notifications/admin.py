"""Channels, rules and deliveries for the staff."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from notifications.models import Channel, Delivery, Rule
from notifications.services import channel_test
from notifications.transports import TRANSPORTS
from notifications.transports.base import TransportError
from trading.admin.base import JournalAdmin, ModelAdmin, display

KINDS = [(kind, label) for kind, (label, _) in TRANSPORTS.items()]


class ChannelForm(forms.ModelForm[Channel]):
    """The secret is write-only: it is never sent to the browser, and an empty field keeps it."""

    kind = forms.ChoiceField(choices=KINDS, widget=UnfoldAdminSelectWidget)
    secret = forms.CharField(
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Telegram: the token of the bot. Leave it empty to keep the one that is stored",
    )

    class Meta:
        model = Channel
        fields = ["name", "kind", "target", "enabled"]
        exclude = ["secret"]  # noqa: DJ006  else the form would read it, and write an empty one

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("secret"):
            self.instance.secret = self.cleaned_data["secret"]
        return self.cleaned_data


class RuleInline(TabularInline):
    model = Rule
    extra = 0


@admin.register(Channel)
class ChannelAdmin(ModelAdmin[Channel]):
    form = ChannelForm
    fields = ["name", "kind", "target", "secret", "enabled", "last_result_at", "last_error"]
    inlines = [RuleInline]
    list_display = ["name", "kind_label", "target", "enabled", "works", "last_result_at"]
    list_filter = ["enabled"]
    search_fields = ["name", "target"]
    readonly_fields = ["last_result_at", "last_error"]
    actions = ["send_test"]

    @display(description="kind", ordering="kind")
    def kind_label(self, channel: Channel) -> str:
        return TRANSPORTS[channel.kind][0] if channel.kind in TRANSPORTS else channel.kind

    @display(description="last message", label={"sent": "success", "failed": "danger"})
    def works(self, channel: Channel) -> str:
        if channel.last_result_at is None:
            return "none yet"
        return "failed" if channel.last_error else "sent"

    @admin.action(description="Send test message", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            try:
                self.message_user(request, f"{channel}: {channel_test(channel=channel)}")
            except TransportError as e:
                self.message_user(request, f"{channel}: {e}", messages.ERROR)


@admin.register(Rule)
class RuleAdmin(ModelAdmin[Rule]):
    list_display = ["channel", "family", "min_severity", "account", "enabled"]
    list_filter = ["channel", "enabled"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        rows = super().get_queryset(request).select_related("channel", "account")
        return rows.defer("channel__secret")


@admin.register(Delivery)
class DeliveryAdmin(JournalAdmin[Delivery]):
    """What was sent, or not."""

    list_display = ["event", "channel", "state", "attempts", "next_try_at", "sent_at", "error"]
    list_filter = ["status", "channel"]
    search_fields = ["event__kind__startswith"]
    search_help_text = "The beginning of a kind of event, for example order."

    @display(
        description="status",
        label={"QUEUED": "info", "SENDING": "info", "SENT": "success", "FAILED": "danger"},
    )
    def state(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.status, delivery.get_status_display()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows = super().get_queryset(request).select_related("event", "channel")
        return rows.defer("channel__secret")
