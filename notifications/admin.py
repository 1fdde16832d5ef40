"""Channels, rules and deliveries for the staff."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from notifications.models import Channel, Delivery, Rule
from notifications.services import channel_test
from notifications.transports import TRANSPORTS
from notifications.transports.base import TransportError

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
        fields = ["name", "kind", "target", "secret", "enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["secret"] = ""

    def clean_secret(self) -> str:
        return self.cleaned_data["secret"] or self.instance.secret


class RuleInline(TabularInline):
    model = Rule
    extra = 0


@admin.register(Channel)
class ChannelAdmin(ModelAdmin):
    form = ChannelForm
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
class RuleAdmin(ModelAdmin):
    list_display = ["channel", "family", "min_severity", "account", "enabled"]
    list_filter = ["channel", "enabled"]
    list_select_related = ["channel", "account"]


@admin.register(Delivery)
class DeliveryAdmin(ModelAdmin):
    """What was sent: to look at only."""

    list_display = ["event", "channel", "state", "attempts", "next_try_at", "sent_at", "error"]
    list_filter = ["status", "channel"]
    list_select_related = ["event", "channel"]
    search_fields = ["event__message", "event__kind"]
    ordering = ["-id"]

    @display(
        description="status",
        ordering="status",
        label={"QUEUED": "info", "SENDING": "info", "SENT": "success", "FAILED": "danger"},
    )
    def state(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.status, delivery.get_status_display()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False
