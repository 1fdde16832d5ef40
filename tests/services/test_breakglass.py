"""Cards, and closing everything of an account without the database."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings

from tests.brokers.venue.running import Site, entry, venue_process
from tests.desk import NOON, ScriptedBroker
from tests.factories import make_account, make_connection
from tests.metaapi_emulator.running import emulator_thread
from trading.brokers.base import Receipt, Rejected
from trading.brokers.venue import Faults, VenueBroker
from trading.engine.types import OrderKind
from trading.gateway.seat import Seat
from trading.models import Account
from trading.services.breakglass import (
    BreakGlassError,
    Card,
    Journal,
    broker_of_card,
    card_find,
    card_flatten,
    card_write,
    cards_read,
)

TOKEN = "a-token-nobody-may-see"


@pytest.fixture(scope="module")
def venue() -> Iterator[str]:
    options = ("--speed", "0", "--start", NOON.isoformat(), "--balance", "10000", "--no-costs")
    with venue_process(*options) as address:
        yield address


@pytest.fixture
def site(venue: str) -> Site:
    return Site(venue)


@pytest.fixture(autouse=True)
def folder(settings: LazySettings, tmp_path: Path) -> Path:
    """Where the cards are."""
    settings.VAR_DIR = tmp_path
    (tmp_path / "breakglass").mkdir()
    return tmp_path / "breakglass"


@pytest.fixture
def account(db: None) -> Account:
    connection = make_connection(token=TOKEN)
    return make_account(
        name="Main One", kind="venue", external_id="127.0.0.1:1/main", connection=connection
    )


@pytest.fixture
def card(site: Site) -> Card:
    return Card("Main", 7, "venue", f"{site.address}/{site.account}", "USD")


def flatten(card: Card, broker: object = None, wait: float = 10) -> tuple[str, list[str]]:
    """What is left, and what was said."""
    said: list[str] = []
    journal = Journal(card, "tester", "fire", said.append)
    left = card_flatten(
        card=card,
        broker=broker or broker_of_card(card),  # type: ignore[arg-type]
        journal=journal,
        wait=wait,
        say=said.append,
    )
    return left, said


def lines() -> list[dict[str, object]]:
    return [json.loads(line) for line in Journal.path().read_text().splitlines()]


def test_a_card_says_how_the_broker_is_reached_and_hides_the_token(account: Account) -> None:
    assert card_write(account=account)
    (card,) = cards_read()
    assert card.path.name == f"main-one-{account.pk}.json"
    assert (card.kind, card.external_id, card.currency) == ("venue", "127.0.0.1:1/main", "USD")
    assert card.token == TOKEN
    assert TOKEN not in card.path.read_text() + repr(card)


def test_a_card_is_its_owners_alone(account: Account, folder: Path) -> None:
    folder.rmdir()
    card_write(account=account)
    (card,) = cards_read()
    assert [p.stat().st_mode & 0o777 for p in (folder, card.path)] == [0o700, 0o600]
    assert [p.name for p in folder.iterdir()] == [card.path.name]


def test_a_card_is_written_again_only_when_its_content_changes(account: Account) -> None:
    card_write(account=account)
    path = cards_read()[0].path
    first = path.read_text()
    card_write(account=account)
    assert path.read_text() == first
    account.connection = make_connection(token="another")
    account.save()
    card_write(account=account)
    assert cards_read()[0].token == "another"


def test_a_card_follows_a_new_key(account: Account, settings: LazySettings) -> None:
    card_write(account=account)
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_KEYS]
    card_write(account=account)
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    assert cards_read()[0].token == TOKEN


def test_a_token_that_no_key_opens_is_told(account: Account, settings: LazySettings) -> None:
    card_write(account=account)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(BreakGlassError, match="Expected FIELD_KEYS that open the card of Main One"):
        _ = cards_read()[0].token


def test_a_renamed_account_has_one_card(account: Account) -> None:
    card_write(account=account)
    Account.objects.filter(pk=account.pk).update(name="Счёт")
    card_write(account=account)
    assert [(c.name, c.path.name) for c in cards_read()] == [("Счёт", f"account-{account.pk}.json")]


def test_whoever_takes_an_account_leaves_its_card(account: Account) -> None:
    seat = Seat(account, ScriptedBroker())
    assert seat.take()
    assert [card.pk for card in cards_read()] == [account.pk]
    seat.drop()


def test_a_card_that_cannot_be_written_stops_nothing(account: Account, folder: Path) -> None:
    folder.rmdir()
    folder.write_text("no directory")
    seat = Seat(account, ScriptedBroker())
    assert seat.take()
    seat.drop()


def test_a_card_is_found_by_name_or_number(account: Account) -> None:
    other = make_account(name=str(account.pk))
    card_write(account=account)
    assert card_find(named="Main One").pk == account.pk
    assert card_find(named=str(account.pk)).pk == account.pk
    card_write(account=other)
    assert card_find(named=str(account.pk)).pk == other.pk


def test_an_account_without_a_card_is_told_where_cards_are(account: Account, folder: Path) -> None:
    with pytest.raises(BreakGlassError, match="accounts: none"):
        card_find(named="Main")
    card_write(account=account)
    (folder / "broken-9.json").write_text('{"name": "Broken"')
    with pytest.raises(BreakGlassError) as caught:
        card_find(named="Main")
    assert f"{folder}, was 0; accounts: Main One ({account.pk})" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "external_id", "message"),
    [
        ("paper", "", "expected a broker outside, was paper"),
        ("other", "", "expected a broker kind of .*venue, was 'other'"),
        ("venue", "nowhere", "expected an external id HOST:PORT/NAME, was 'nowhere'"),
    ],
)
def test_a_card_of_no_reachable_broker_says_so(kind: str, external_id: str, message: str) -> None:
    with pytest.raises(BreakGlassError, match=message):
        broker_of_card(Card("Main", 7, kind, external_id, "USD"))


def test_positions_are_closed_and_pending_orders_taken_back(site: Site, card: Card) -> None:
    site.broker.submit(entry())
    limit = {"kind": OrderKind.LIMIT, "price": Decimal("1.09900"), "stop": Decimal("1.09800")}
    site.broker.submit(entry("client-2", **limit, expires_at=NOON.replace(hour=20)))
    site.admin.open_by_hand(site.account)
    left, said = flatten(card)
    snapshot = site.broker.snapshot(NOON)
    assert (left, snapshot.account.positions, snapshot.orders) == ("", (), ())
    assert len(said) == 3
    assert said[0] == "Main: close long 0.1 EURUSD #1: closed"
    kinds = [line["kind"] for line in lines()]
    assert kinds == ["begin", "close", "closed", "close", "closed", "cancel", "cancelled", "end"]


def test_a_journal_line_says_who_did_what_and_why(site: Site, card: Card) -> None:
    site.broker.submit(entry())
    flatten(card)
    line = lines()[1]
    assert line.pop("at")
    assert line == {
        "account": 7,
        "name": "Main",
        "external_id": card.external_id,
        "kind": "close",
        "position_id": "1",
        "symbol": "EURUSD",
        "side": 1,
        "lots": "0.10",
        "error": "",
        "reason": "fire",
        "actor": "tester",
    }


def test_every_close_is_in_the_journal_before_it_is_asked_for(site: Site, card: Card) -> None:
    for number in range(3):
        site.broker.submit(entry(f"client-{number}"))
    announced: list[tuple[object, object]] = []

    class Watched(VenueBroker):
        def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
            announced.append((lines()[-1]["kind"], lines()[-1]["position_id"]))
            return super().close(position_id, lots)

    assert flatten(card, Watched(site.address, site.account))[0] == ""
    assert announced == [("close", "1"), ("close", "2"), ("close", "3")]


@pytest.mark.parametrize(
    "faults",
    [
        Faults(lose_reply=1),
        Faults(error_after=1),
        Faults(reject_executed=1),
        Faults(lag=1, lag_seconds=0.8),
        Faults(incomplete=0.3),
    ],
)
def test_it_ends_flat_whatever_the_answers_say(site: Site, card: Card, faults: Faults) -> None:
    site.broker.submit(entry())
    site.admin.set_faults(faults)
    left, _ = flatten(card, wait=60)
    site.admin.set_faults(Faults())
    assert (left, site.broker.account().positions) == ("", ())
    assert len(site.executions()) == 2


def test_what_is_refused_is_tried_again_until_the_time_is_over(site: Site, card: Card) -> None:
    site.broker.submit(entry())
    site.admin.set_faults(Faults(reject=1))
    left, said = flatten(card, wait=1)
    assert left == "position long 0.1 EURUSD #1"
    assert len(said) >= 2
    assert said[0].endswith("Rejected: the dealer refuses")
    assert [line["kind"] for line in lines()][:5] == ["begin", "close", "failed", "close", "failed"]
    assert lines()[-1]["error"] == left


def test_everything_is_tried_once_however_short_the_wait(site: Site, card: Card) -> None:
    site.broker.submit(entry())
    site.broker.submit(entry("client-2"))
    assert flatten(card, wait=0)[0] == ""


def test_a_broker_that_shows_no_orders_is_not_flat_but_closed(site: Site, card: Card) -> None:
    site.broker.submit(entry())
    site.admin.set_faults(Faults(incomplete=1))
    assert flatten(card, wait=0)[0] == "the broker still synchronises"
    assert site.broker.account().positions == ()


def test_a_broker_that_cannot_be_read_is_not_flat(card: Card) -> None:
    left, said = flatten(card, VenueBroker("127.0.0.1:1", "main"), wait=0)
    assert left.startswith("the broker cannot be read (Unavailable: main: no connection")
    assert said == [f"Main: {left}"]


def test_without_a_journal_it_closes_and_prints_the_lines(
    site: Site, card: Card, folder: Path
) -> None:
    site.broker.submit(entry())
    (folder / "journal.jsonl").mkdir()
    left, said = flatten(card)
    assert (left, site.broker.account().positions) == ("", ())
    printed = [json.loads(s.partition("): ")[2])["kind"] for s in said if s.startswith("Journal")]
    assert printed == ["begin", "close", "closed", "end"]


def test_a_line_that_was_cut_off_spoils_no_other(site: Site, card: Card) -> None:
    Journal.path().write_text('{"kind": "cl')
    flatten(card)
    first, *rest = Journal.path().read_text().splitlines()
    assert first == '{"kind": "cl'
    assert [json.loads(line)["kind"] for line in rest] == ["begin", "end"]


def test_an_error_that_quotes_the_token_is_told_without_it(account: Account, site: Site) -> None:
    card_write(account=account)
    site.broker.submit(entry())

    class Talkative(VenueBroker):
        def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
            raise Rejected(f"no dealing with {TOKEN}", "401")

    _, said = flatten(cards_read()[0], Talkative(site.address, site.account), wait=0)
    assert said == ["Main One: close long 0.1 EURUSD #1: Rejected: no dealing with ***"]
    assert TOKEN not in Journal.path().read_text()


def test_an_account_at_metaapi_is_closed_over_rest(settings: LazySettings) -> None:
    with emulator_thread() as metaapi:
        settings.METAAPI_BASE_URL = metaapi.url
        name = metaapi.open_account()
        metaapi.buy(name)
        sealed = Fernet(settings.FIELD_KEYS[0]).encrypt(metaapi.token.encode()).decode()
        left, said = flatten(Card("Main", 7, "metaapi", name, "USD", sealed), wait=20)
        assert (left, metaapi.read(name, "positions")) == ("", [])
        assert metaapi.token not in str(said) + Journal.path().read_text()


def test_a_card_of_metaapi_without_a_token_is_refused() -> None:
    with pytest.raises(BreakGlassError, match="expected a token on its card"):
        broker_of_card(Card("Main", 7, "metaapi", "abc", "USD"))
