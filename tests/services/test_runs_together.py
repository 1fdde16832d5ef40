"""Runs that share a hint are answered each for itself."""

import pytest
from django.core.cache import cache
from django_q.models import OrmQ

from tests.desk import Desk, make_desk
from tests.factories import make_account, make_candle, make_deployment, make_lease, make_symbol
from trading.engine.bars import Bar
from trading.models import Deployment, Order, StrategyRun
from trading.selectors.quotes import quote_key
from trading.services import runs
from trading.services.paper import paper_book_open
from trading.services.runs import runs_execute
from trading.services.strategies import ClosedBar, bar_close

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """However slow this machine is, nothing that was read grows too old."""
    monkeypatch.setattr(runs, "TOGETHER_SECONDS", 60.0)
    return make_desk()


def another(desk: Desk, **fields: object) -> Deployment:
    """The desk's deployment on an account of its own."""
    account = make_account(balance=100_000, equity=100_000)
    paper_book_open(account=account)
    make_lease(account=account)
    given = {"account": account, "symbol": desk.symbol, "strategy": desk.deployment.strategy}
    return make_deployment(**{**given, **fields})


def run_beside(desk: Desk, run: StrategyRun, deployment: Deployment) -> StrategyRun:
    """The run of another deployment about the same bar."""
    return StrategyRun.objects.create(
        deployment=deployment,
        bar_open=run.bar_open,
        deadline=run.deadline,
        expires_at=run.expires_at,
    )


def hints() -> list[tuple[int, ...]]:
    """The runs that each queued hint names, oldest first."""
    return [row.task["args"] for row in OrmQ.objects.order_by("id")]


def test_every_run_of_a_hint_is_answered(desk: Desk) -> None:
    first = desk.close_bar(0, 1.1)
    second = run_beside(desk, first, another(desk))
    runs_execute(run_ids=[second.pk, first.pk])
    accounts = Order.objects.order_by("id").values_list("account", flat=True)
    assert list(accounts) == [second.deployment.account_id, desk.account.pk]


def test_a_run_that_fails_keeps_no_other_from_its_answer(desk: Desk) -> None:
    cache.set(quote_key("broken", "EURUSD"), {"bid": "?", "ask": "?", "time": "?"})
    good = desk.close_bar(0, 1.1)
    symbol = make_symbol(source="broken", name="EURUSD")
    make_candle(symbol=symbol, open_time=good.bar_open)
    bad = run_beside(desk, good, another(desk, symbol=symbol))
    with pytest.raises(ValueError, match="isoformat"):
        runs_execute(run_ids=[bad.pk, good.pk])
    assert [run.state for run in StrategyRun.objects.order_by("id")] == ["DONE", "FAILED"]


def test_what_is_not_begun_in_time_goes_back_to_the_queue(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "TOGETHER_SECONDS", 0.0)
    run = desk.close_bar(0, 1.1)
    runs_execute(run_ids=[run.pk])
    run.refresh_from_db()
    assert (run.state, hints()) == ("QUEUED", [(run.pk,), (run.pk,)])


def test_a_bar_asks_in_shared_hints_and_once_more_backwards(desk: Desk) -> None:
    accounts = [desk.account.pk, *(another(desk).account_id for _ in range(20))]
    closed = ClosedBar(desk.symbol, "M1", Bar(0, 1.1, 1.1, 1.1, 1.1, 1.0, 0.0), 60.0)
    runs = tuple(run.pk for run in bar_close(closed=closed, account_ids=accounts))
    assert hints() == [runs[:20], runs[20:], runs[19::-1]]
    assert bar_close(closed=closed, account_ids=accounts) == []


def test_a_bar_asks_only_the_accounts_it_is_told(desk: Desk) -> None:
    another(desk)
    run = desk.close_bar(0, 1.1)
    assert hints() == [(run.pk,)]
