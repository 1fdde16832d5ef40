"""The clients of accounts at MetaApi, as the settings say."""

from dataclasses import replace

import pytest
from django.conf import LazySettings

from tests.factories import make_account, make_connection
from trading.services.brokers import metaapi_client


@pytest.mark.django_db
def test_a_trade_at_metaapi_is_over_when_the_timing_says(settings: LazySettings) -> None:
    settings.TIMING = replace(settings.TIMING, call_deadline=3.0)
    account = make_account(kind="metaapi", external_id="timed", connection=make_connection())
    assert metaapi_client(account=account).limits.trade == 3.0
