"""The trading application: engine, brokers, models, services and the processes over them."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    name = "trading"
    verbose_name = "Trading"
