"""A session turns quotes into stops, bars, runs and accounts that are up to date."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.utils.timezone import now
from django_q.models import OrmQ

from tests.brokers.test_contract import BUY
from tests.desk import NOON, Desk, make_desk, swings
from tests.factories import (
    make_account,
    make_kill_switch,
    make_position,
    make_protection,
    make_symbol,
)
from trading.engine.bars import resample
from trading.engine.timing import Timing
from trading.engine.types import Bars, Quote
from trading.gateway.session import Session
from trading.models import (
    Account,
    BarChunk,
    Candle,
    Event,
    Lease,
    Lock,
    Order,
    Origin,
    PaperBook,
    Position,
    StrategyRun,
)
from trading.selectors.bars import bars_tail
from trading.services.accounts import WAITING, account_halt, account_release
from trading.services.brokers import broker_for
from trading.services.orders import close_request
from trading.services.paper import paper_book_open
from trading.services.quotes import quotes_put
from trading.services.transitions import Cause

pytestmark = pytest.mark.django_db


class StillStream:
    """A `Stream` that delivers nothing by itself; its history goes on swinging past NOON."""

    speed = 1.0

    def __init__(self) -> None:
        self.time = NOON

    def start(self, symbols: Sequence[str], on_quote: Callable[[Quote], None]) -> None:
        self.symbols = symbols

    def stop(self) -> None:
        self.symbols = ()

    def now(self) -> datetime:
        return self.time

    def history(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Bars:
        bars = swings(10)
        bars.time[:] += 600
        inside = (bars.time >= start.timestamp()) & (bars.time < end.timestamp() - 59)
        first = int(inside.argmax())
        return resample(bars.slice(first, first + int(inside.sum())), "M1", timeframe)


@pytest.fixture
def desk() -> Desk:
    """A desk whose account nobody runs yet."""
    made = make_desk()
    Lease.objects.all().delete()
    return made


@pytest.fixture
def session(desk: Desk) -> Session:
    made = Session(desk.symbol.source, StillStream())
    made.load()
    return made


@pytest.fixture
def impatient(settings: LazySettings) -> None:
    """Reconcile at every look, and believe two looks at once."""
    moment = 1e-9
    settings.TIMING = Timing(reconcile=moment, reconcile_doubt=moment, reread=moment)


def at(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_the_quote_that_closes_a_bar_makes_a_candle_and_a_run(desk: Desk, session: Session) -> None:
    session.on_quotes([desk.quote("1.10000", at(60))])
    session.on_quotes([desk.quote("1.10200", at(119)), desk.quote("1.10200", at(120))])
    candle = Candle.objects.get()
    assert (candle.open_time, candle.open, candle.close) == (at(60), 1.1, 1.102)
    assert StrategyRun.objects.get().bar_open == at(60)
    assert OrmQ.objects.count() == 1


def test_a_stop_closes_the_position_and_tells(desk: Desk, session: Session) -> None:
    broker_for(account=desk.account).submit(BUY)
    session.on_quotes([desk.quote("1.10000")])
    session.observe()
    session.on_quotes([desk.quote("1.09890", at(1))])
    assert Position.objects.get().exit_reason == "STOP"
    assert Event.objects.latest("id").kind == "position.closed"


def test_a_symbol_added_since_is_watched_and_stopped(desk: Desk, session: Session) -> None:
    added = make_symbol(source=desk.symbol.source)
    quote = replace(desk.quote("1.10000"), symbol=added.name)
    quotes_put(source=added.source, quotes=[quote])
    broker_for(account=desk.account).submit(replace(BUY, symbol=added.name))
    session.on_quotes([quote])
    session.observe()
    session.on_quotes([replace(desk.quote("1.09890", at(1)), symbol=added.name)])
    assert Position.objects.get().exit_reason == "STOP"


def test_an_open_loss_that_a_protection_minds_locks_the_account(
    desk: Desk, session: Session
) -> None:
    make_protection(kind="MAX_DRAWDOWN", threshold=1)
    broker_for(account=desk.account).submit(BUY)
    session.on_quotes([desk.quote("1.10000"), desk.quote("1.09950", at(1))])
    session.observe()
    assert Lock.objects.get().trade == Position.objects.get(closed_at=None)


def test_observing_activates_a_waiting_account_and_keeps_its_money(
    desk: Desk, session: Session
) -> None:
    Account.objects.update(state=Account.State.HALTED, state_reason=WAITING, equity=0)
    session.observe()
    account = Account.objects.get()
    assert (account.state, account.equity) == ("ACTIVE", Decimal(100_000))


def test_bars_missed_while_nobody_ran_are_filled_in(desk: Desk) -> None:
    stream = StillStream()
    stream.time = at(300)
    Session(desk.symbol.source, stream).load()
    newest = bars_tail(symbol=desk.symbol, timeframe="M1", count=1)
    assert newest.time[-1] == at(240).timestamp()


def test_a_signal_is_good_for_no_longer_than_the_timing_says(
    desk: Desk, session: Session, settings: LazySettings
) -> None:
    settings.TIMING = Timing(signal=1e-6)
    session.on_quotes([desk.quote("1.10000", at(60)), desk.quote("1.10000", at(120))])
    assert StrategyRun.objects.get().expires_at < now()


def test_a_bar_seen_from_its_middle_is_taken_from_the_history(desk: Desk) -> None:
    stream = StillStream()
    session = Session(desk.symbol.source, stream)
    session.load()
    session.on_quotes([desk.quote("1.50000", at(30))])
    stream.time = at(61)
    session.on_quotes([desk.quote("1.10000", at(61))])
    newest = bars_tail(symbol=desk.symbol, timeframe="M1", count=1)
    assert newest.close[-1] == pytest.approx(1.1)
    assert BarChunk.objects.exists()


def test_what_a_worker_died_over_is_recorded_from_the_deals(
    desk: Desk, session: Session, impatient: None
) -> None:
    position_id = broker_for(account=desk.account).submit(BUY).position_id
    session.on_quotes([desk.quote("1.10000")])
    session.observe()
    broker_for(account=desk.account).close(str(position_id))
    session.observe()
    position = Position.objects.get()
    assert (position.exit_reason, position.fills.count()) == ("SIGNAL", 2)


def test_a_lost_position_is_noticed_although_other_accounts_are_well(
    desk: Desk, session: Session, impatient: None
) -> None:
    paper_book_open(account=make_account(name="well"))
    position = make_position(account=desk.account, symbol=desk.symbol)
    session.load()
    for _ in range(3):
        session.observe()
    position.refresh_from_db()
    assert position.exit_reason == "UNKNOWN"


def test_an_account_that_a_person_released_is_active_at_once(
    desk: Desk, session: Session, owner: User
) -> None:
    session.observe()
    account_halt(account=desk.account, reason="strange fills")
    account_release(account=desk.account, actor=owner)
    session.load()
    session.observe()
    assert Account.objects.get().state == "ACTIVE"


def test_no_entry_before_the_first_reconciliation(desk: Desk, session: Session) -> None:
    assert Lease.objects.get().state == "STARTING"
    session.observe()
    assert Lease.objects.get().state == "READY"


def test_an_account_that_another_gateway_has_taken_is_dropped(
    desk: Desk, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.observe()
    monkeypatch.setattr("trading.gateway.seat.STILL_SHARE", 0.0)
    Lease.objects.update(epoch=2, owner="another gateway")
    Account.objects.update(equity=1)
    session.observe()
    session.on_quotes([desk.quote("1.10000", at(60)), desk.quote("1.10000", at(120))])
    assert Account.objects.get().equity == 1
    assert not StrategyRun.objects.exists()


def test_a_close_by_a_person_that_no_worker_sent_is_sent_by_the_gateway(
    desk: Desk, session: Session
) -> None:
    broker_for(account=desk.account).submit(BUY)
    session.on_quotes([desk.quote("1.10000")])
    session.observe()
    position = Position.objects.get()
    order = close_request(position=position, origin=Origin.PERSON, cause=Cause("person"))
    Order.objects.update(created_at=order.created_at - timedelta(seconds=5))
    session.observe()
    assert Order.objects.get(pk=order.pk).status == "FILLED"


def test_a_pulled_switch_flattens_at_the_next_reading(desk: Desk, session: Session) -> None:
    broker_for(account=desk.account).submit(BUY)
    session.on_quotes([desk.quote("1.10000")])
    session.observe()
    make_kill_switch(account=desk.account, mode="FLATTEN")
    session.observe()
    assert Position.objects.get().closed_at is not None


def test_a_session_that_is_told_to_end_lets_go_of_its_accounts(desk: Desk) -> None:
    session = Session(desk.symbol.source, StillStream())
    session.end()
    session.run()
    assert Lease.objects.get().owner == ""


def test_an_account_without_an_adapter_is_halted_and_says_why(desk: Desk) -> None:
    Account.objects.update(kind="unheard-of")
    Session(desk.symbol.source, StillStream()).load()
    account = Account.objects.get()
    assert account.state == "HALTED"
    assert "expected a broker kind of metaapi, paper" in account.state_reason


def test_a_broken_account_leaves_the_others_trading(desk: Desk, session: Session) -> None:
    broken = make_account(name="without a book", state=Account.State.ACTIVE)
    PaperBook.objects.create(account=make_account(name="nonsense"), state={"balance": "?"})
    session.load()
    session.on_quotes([desk.quote("1.10000", at(60)), desk.quote("1.10000", at(120))])
    session.observe()
    assert StrategyRun.objects.count() == 1
    assert Account.objects.get(name="nonsense").state == "HALTED"
    broken.refresh_from_db()
    assert broken.observed_at is None


def test_a_symbol_that_comes_later_is_streamed_too(
    desk: Desk, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.gateway.session.SYMBOLS_SECONDS", 0.0)
    session.stream.start([], lambda quote: None)
    make_symbol(name="GBPUSD")
    session.follow()
    assert isinstance(session.stream, StillStream)
    assert set(session.stream.symbols) == {"EURUSD", "GBPUSD"}


def test_a_paused_deployment_leaves_the_candles_coming(desk: Desk, session: Session) -> None:
    type(desk.deployment).objects.update(state="PAUSED")
    session.on_quotes([desk.quote("1.1", at(60)), desk.quote("1.1", at(120))])
    assert (Candle.objects.count(), StrategyRun.objects.count()) == (1, 0)
