"""The settings of a notifier process in a test: its Bot API is the one of the test."""

import os

from tests.settings import *  # noqa: F403

TELEGRAM_API_URL = os.environ["TESTS_TELEGRAM_API_URL"]
