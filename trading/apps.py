"""The trading application: engine, brokers, models, services and the processes over them."""

from django.apps import AppConfig
from django.conf import settings

from trading import crashpoints


class TradingConfig(AppConfig):
    name = "trading"
    verbose_name = "Trading"

    def ready(self) -> None:
        crashpoints.arm(settings.CRASH_POINTS)
