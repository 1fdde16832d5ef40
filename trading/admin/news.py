"""The calendar of news, typed in or uploaded."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from trading.admin.base import ModelAdmin, display
from trading.engine.types import EngineError
from trading.models import NewsEvent
from trading.services.news import news_import

LARGEST = 4 << 20
"""Bytes of a file; a week of news takes some ten thousand."""
IMPACT_LABELS = {"HIGH": "danger", "MEDIUM": "warning", "LOW": "info"}


class UploadForm(forms.Form):
    """A file of news and whose it is."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        help_text="The weekly export as CSV or JSON, or the plain columns",
    )
    source = forms.CharField(
        max_length=40,
        initial="calendar",
        widget=UnfoldAdminTextInputWidget,
        help_text="Who says so",
    )
    zone = forms.CharField(
        max_length=64,
        initial="UTC",
        widget=UnfoldAdminTextInputWidget,
        help_text="IANA time zone of times without an offset",
    )
    replace = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="What the source had said of the same days, and the file does not, goes",
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError(f"Expected at most {LARGEST} bytes, was {file.size}")
        return file


@admin.register(NewsEvent)
class NewsEventAdmin(ModelAdmin[NewsEvent]):
    list_display = ["at", "currency", "impact_label", "title", "source"]
    list_filter = ["impact", "currency", "source", "at"]
    search_fields = ["title"]
    ordering = ["-at", "id"]
    actions_list = ["upload"]

    @display(description="impact", label=IMPACT_LABELS, ordering="impact")
    def impact_label(self, news: NewsEvent) -> tuple[str, str]:
        return news.impact, news.get_impact_display()

    @action(description="Upload a file", url_path="upload/", permissions=["add"])
    def upload(self, request: HttpRequest) -> HttpResponse:
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid() and self._imported(request, form):
            return HttpResponseRedirect(reverse("admin:trading_newsevent_changelist"))
        context = {**self.admin_site.each_context(request), "form": form}
        context |= {"opts": self.opts, "title": "Upload news"}
        return TemplateResponse(request, "admin/trading/newsevent/upload.html", context)

    def _imported(self, request: HttpRequest, form: UploadForm) -> bool:
        """Whether the file could be read; the form says why not."""
        if not isinstance(request.user, User):
            raise PermissionDenied
        data = dict(form.cleaned_data)
        try:
            done = news_import(
                content=data.pop("file").read(), actor=request.user.get_username(), **data
            )
        except EngineError as e:
            form.add_error("file", str(e))
            return False
        self.message_user(request, str(done), messages.SUCCESS)
        return True
