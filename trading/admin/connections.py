"""Connections: the tokens that reach accounts of a broker."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminPasswordWidget

from trading.admin.base import NOTHING, ModelAdmin
from trading.models import Connection, Event
from trading.services.remote_jobs import connection_sync_ask, connection_test_ask

ANSWERS = ("connection.synced", "connection.tested", "connection.failed")


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
            self.fields[
                "new_token"
            ].help_text = (
                "Set. It is stored encrypted and never shown again; leave this blank to keep it"
            )


@admin.register(Connection)
class ConnectionAdmin(ModelAdmin[Connection]):
    form = ConnectionForm
    list_display = ["name", "created_at"]
    search_fields = ["name"]
    ordering = ["name"]
    actions = ["sync", "test"]
    readonly_fields = ["last_word"]
    fieldsets = [
        (
            None,
            {
                "fields": ["name", "new_token", "last_word"],
                "description": "Sync accounts and test connection are actions of the list.",
            },
        )
    ]

    @admin.display(description="last word")
    def last_word(self, connection: Connection) -> str:
        """What became of the last sync or test."""
        told = Event.objects.filter(kind__in=ANSWERS, payload__connection=connection.pk)
        event = told.order_by("-id").first()
        return f"{event.at:%Y-%m-%d %H:%M} UTC: {event.message}" if event is not None else NOTHING

    @admin.action(description="Sync accounts", permissions=["change"])
    def sync(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        self._asked(request, queryset, connection_sync_ask)

    @admin.action(description="Test connection", permissions=["change"])
    def test(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        self._asked(request, queryset, connection_test_ask)

    def _asked(
        self, request: HttpRequest, queryset: QuerySet[Connection], ask: Callable[..., None]
    ) -> None:
        assert isinstance(request.user, User)
        for connection in queryset:
            ask(connection=connection, actor=request.user)
        message = f"{len(queryset)} asked for; the events and the page of the connection tell more"
        self.message_user(request, message)

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
