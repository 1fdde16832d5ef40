"""URLs of the dashboard."""

from django.contrib import admin
from django.urls import path

from trading.dashboard import views

app_name = "dashboard"
urlpatterns = [
    path("", admin.site.admin_view(views.dashboard), name="index"),
    path("candles/", views.candles, name="candles"),
]
