"""The live page and the history of its chart."""

from datetime import UTC, datetime
from typing import Final, TypedDict
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from trading.broadcast import CandlePayload, FillPayload
from trading.models import Symbol, Timeframe
from trading.selectors.dashboard import candles_tail, chart_choices, fill_markers

BARS: Final = 500
"""Closed bars a chart starts with."""


class ChartPayload(TypedDict):
    """What a chart shows before the live frames go on: bars and the fills among them."""

    candles: list[CandlePayload]
    fills: list[FillPayload]


class ChartForm(forms.Form):
    """Which chart is asked for."""

    symbol = forms.IntegerField(min_value=1)
    timeframe = forms.ChoiceField(choices=Timeframe.choices)


def websocket_address() -> str:
    """FRONTEND_WS_URL, or only its path where it names the host of BACKEND_API_URL.

    The page may be open under another name of that host (localhost), and the session's cookie
    goes to the name in the address bar alone.
    """
    given = urlsplit(settings.FRONTEND_WS_URL)
    same = given.netloc == urlsplit(settings.BACKEND_API_URL).netloc
    return given.path if same else settings.FRONTEND_WS_URL


@require_GET
def dashboard(request: HttpRequest) -> HttpResponse:
    """The live page; its numbers come over the WebSocket."""
    context = {
        **admin.site.each_context(request),
        "title": "Live dashboard",
        "charts": chart_choices(),
        "websocket_url": websocket_address(),
    }
    return TemplateResponse(request, "dashboard/index.html", context)


@require_GET
@never_cache
def candles(request: HttpRequest) -> HttpResponse:
    """Closed bars of a symbol and timeframe, oldest first, with the fills in their time.

    Who is not staff is told so in JSON: a script cannot follow to a login page.
    """
    if not admin.site.has_permission(request):
        return JsonResponse({"error": "Sign in as staff"}, status=403)
    form = ChartForm(request.GET)
    if not form.is_valid():
        return JsonResponse({"error": form.errors}, status=400)
    symbol: int = form.cleaned_data["symbol"]
    try:
        bars = candles_tail(symbol, form.cleaned_data["timeframe"], BARS)
    except Symbol.DoesNotExist:
        return JsonResponse({"error": f"Expected a known symbol, was {symbol}"}, status=404)
    chart: ChartPayload = {"candles": bars, "fills": []}
    if bars:
        chart["fills"] = fill_markers(symbol, datetime.fromtimestamp(bars[0]["time"], UTC))
    return JsonResponse(chart)
