"""The wiring as an application: its commands and its system checks."""

from importlib import import_module

from django.apps import AppConfig


class TradebotConfig(AppConfig):
    name = "tradebot"
    verbose_name = "Platform"

    def ready(self) -> None:
        """Register the system checks; start nothing (the workers fork after this)."""
        import_module("tradebot.checks")
