"""Fixtures of the notifications: a Bot API on the loopback."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.notifications.bot_api import BotApi, serving


@pytest.fixture
def bot_api(settings: Settings) -> Iterator[BotApi]:
    with serving() as api:
        settings.TELEGRAM_API_URL = api.url
        yield api
