"""WebSocket addresses of the dashboard."""

from django.urls import path

from trading.dashboard.consumers import DashboardConsumer

# Channels routes to ASGI applications by Django's own `path`, whose types know views only.
websocket_urlpatterns = [
    path("ws/dashboard/", DashboardConsumer.as_asgi())  # type: ignore[arg-type]
]
