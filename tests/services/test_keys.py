"""Rotating keys: every secret under the first key, all or nothing."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection

from notifications.models import Channel
from tests.factories import make_connection
from trading.models import Connection
from trading.services import keys
from trading.services.keys import KeyMissing, keys_rotate

pytestmark = pytest.mark.django_db
COLUMN = "trading.Connection.token"


def sealed(table: str = "trading_connection", column: str = "token") -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} ORDER BY id")  # noqa: S608 - names of ours
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def fresh_key(settings: LazySettings) -> str:
    """A new key in front of the old one, after two connections were stored."""
    for number in range(2):
        make_connection(token=f"canary-{number}")
    Channel.objects.create(name="Bot", kind="telegram", secret="canary-bot")
    key = Fernet.generate_key().decode()
    settings.FIELD_KEYS = [key, *settings.FIELD_KEYS]
    return key


def test_every_secret_opens_with_the_new_key_alone(fresh_key: str, settings: LazySettings) -> None:
    report = keys_rotate()
    settings.FIELD_KEYS = [fresh_key]
    assert [c.token for c in Connection.objects.order_by("id")] == ["canary-0", "canary-1"]
    assert Channel.objects.get().secret == "canary-bot"
    assert report.changed[COLUMN] == 2
    assert report.changed["notifications.Channel.secret"] == 1
    assert "canary" not in str(sealed())


def test_again_it_changes_nothing(fresh_key: str) -> None:
    keys_rotate()
    before = sealed()
    report = keys_rotate()
    assert (report.changed[COLUMN], report.kept[COLUMN]) == (0, 2)
    assert sealed() == before


def test_it_goes_through_all_batches(fresh_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "BATCH", 1)
    assert keys_rotate().changed[COLUMN] == 2


def test_a_value_no_key_opens_is_named_and_nothing_changes(
    fresh_key: str, settings: LazySettings
) -> None:
    known = list(settings.FIELD_KEYS)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    lost = make_connection(token="canary-lost")
    settings.FIELD_KEYS = known
    before = sealed()
    with pytest.raises(KeyMissing, match=rf"{COLUMN} of row {lost.pk}, none did"):
        keys_rotate()
    assert sealed() == before


def test_the_command_counts_and_shows_no_secret(fresh_key: str) -> None:
    out = StringIO()
    call_command("rotatekeys", stdout=out)
    assert f"{COLUMN}: 2 encrypted anew, 0 were so already" in out.getvalue()
    assert "canary" not in out.getvalue()
    assert fresh_key not in out.getvalue()


def test_the_command_fails_where_a_key_is_missing(fresh_key: str, settings: LazySettings) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("rotatekeys", stdout=StringIO())
    with pytest.raises(InvalidToken):
        Connection.objects.first()
