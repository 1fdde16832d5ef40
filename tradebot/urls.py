"""The URL map of the whole site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from tradebot.health import healthz

urlpatterns = [
    path("", RedirectView.as_view(url="/dashboard/")),
    path("dashboard/", include("trading.dashboard.urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
]
