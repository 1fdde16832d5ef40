"""What staff have fetched from brokers: the history of symbols."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_q.models import OrmQ

from tests.admin.test_forms import act
from tests.factories import make_account, make_backfill, make_deployment, make_symbol
from trading.models import HistoryBackfill

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def test_history_is_filled_for_what_is_traded(page: Client) -> None:
    make_account(kind="metaapi", source="there")
    symbol = make_symbol(source="there")
    make_deployment(symbol=symbol, timeframe="H4")
    assert "2 series are being filled" in act(page, "symbol", "fill_history", symbol)
    assert sorted(b.timeframe for b in HistoryBackfill.objects.all()) == ["H4", "M1"]
    assert OrmQ.objects.count() == 2


def test_a_symbol_without_a_broker_is_said(page: Client) -> None:
    told = act(page, "symbol", "fill_history", make_symbol(source="history"))
    assert "expected a MetaApi account of its source" in told
    assert "0 series" in told


def test_list_shows_progress_and_resumes(page: Client) -> None:
    backfill = make_backfill()
    shown = page.get("/admin/trading/historybackfill/").content.decode()
    assert '<progress max="100" value="50"></progress> 50%' in shown
    assert "1 of 1 go on" in act(page, "historybackfill", "resume", backfill)
    backfill.refresh_from_db()
    assert backfill.state == HistoryBackfill.State.QUEUED


def test_viewer_resumes_nothing(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    act(client, "historybackfill", "resume", make_backfill())
    assert OrmQ.objects.count() == 0
