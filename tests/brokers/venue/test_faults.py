"""Each fault does what it says, seen by the asker and by the ledger."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brokers.venue.running import LONG_AGO, Site, entry
from tests.processes import wait_for
from trading.brokers.base import Rejected, UnknownOutcome
from trading.brokers.venue import DRILL, Faults, VenueBroker
from trading.brokers.venue.faults import Choice, Fate, choose
from trading.engine.types import EngineError, ExitReason


def test_without_faults_an_order_is_executed_and_its_answer_arrives(site: Site) -> None:
    receipt = site.broker.submit(entry())
    (executed,) = site.executions()
    assert (executed["client_id"], executed["deal_id"]) == ("client-1", receipt.fills[0].deal_id)
    assert wait_for(lambda: site.executions()[0]["answered"])


@pytest.mark.parametrize(
    ("faults", "error", "answered"),
    [
        (Faults(lose_reply=1), UnknownOutcome, False),
        (Faults(error_after=1), UnknownOutcome, True),
        (Faults(reject_executed=1), Rejected, True),
    ],
)
def test_an_order_is_executed_whatever_the_answer_says(
    site: Site, faults: Faults, error: type[Exception], answered: bool
) -> None:
    site.admin.set_faults(faults)
    with pytest.raises(error):
        site.broker.submit(entry())
    (executed,) = site.executions()
    assert executed["client_id"] == "client-1"
    assert wait_for(lambda: site.executions()[0]["answered"] is answered)
    assert len(site.broker.account().positions) == 1


def test_a_refusal_executes_nothing_and_names_a_code(site: Site) -> None:
    site.admin.set_faults(Faults(reject=1))
    with pytest.raises(Rejected) as caught:
        site.broker.submit(entry())
    assert caught.value.code == site.requests()[0]["outcome"] == "TRADE_REFUSED"
    assert site.executions() == []


def test_a_late_order_is_executed_after_its_asker_gave_up(site: Site) -> None:
    site.admin.set_faults(Faults(late=1, late_after=1.0))
    hasty = VenueBroker(site.address, site.account, deadline=0.2)
    with pytest.raises(UnknownOutcome, match="deadline"):
        hasty.submit(entry())
    assert site.executions() == []
    assert wait_for(lambda: len(site.executions()) == 1, seconds=5)
    assert not site.requests()[0]["answered"]


def test_a_delayed_answer_comes_whole(site: Site) -> None:
    site.admin.set_faults(Faults(delay_reply=1, delay_least=0.2, delay_most=0.3))
    began = monotonic()
    assert site.broker.submit(entry()).fills
    assert 0.2 <= monotonic() - began < 1.0


def test_what_lags_shows_later_in_account_and_snapshot(site: Site) -> None:
    before = site.broker.account()
    site.admin.set_faults(Faults(lag=1, lag_seconds=0.8))
    assert site.broker.submit(entry()).position_id == "1"
    hidden = site.broker.snapshot(LONG_AGO)
    assert (hidden.account.positions, hidden.deals) == ((), ())
    assert hidden.account.equity == before.equity
    assert wait_for(lambda: site.broker.account().positions, seconds=5)
    assert len(site.broker.snapshot(LONG_AGO).deals) == 1


def test_a_close_that_lags_leaves_the_position_showing(site: Site) -> None:
    site.broker.submit(entry())
    shown = site.broker.account()
    site.admin.set_faults(Faults(lag=1, lag_seconds=0.8))
    site.broker.close("1", Decimal("0.04"))
    site.broker.close("1")
    lagging = site.broker.account()
    assert (lagging.positions, lagging.balance) == (shown.positions, shown.balance)
    assert wait_for(lambda: not site.broker.account().positions, seconds=5)


def test_a_deal_shows_no_earlier_than_what_happened_to_its_position_before(site: Site) -> None:
    site.admin.set_faults(Faults(lag=1, lag_seconds=0.8))
    site.broker.submit(entry())
    site.admin.set_faults(Faults())
    site.broker.close("1")
    seen = site.broker.snapshot(LONG_AGO)
    assert (seen.account.positions, seen.account.balance, seen.deals) == ((), Decimal(10_000), ())
    assert wait_for(lambda: len(site.broker.snapshot(LONG_AGO).deals) == 2, seconds=5)


def test_a_partial_fill_drops_the_rest(site: Site) -> None:
    site.admin.set_faults(Faults(partial=1))
    (fill,) = site.broker.submit(entry()).fills
    (position,) = site.broker.account().positions
    assert fill.lots == position.lots == Decimal("0.05")
    assert site.broker.snapshot(LONG_AGO).orders == ()


def test_a_dropped_stop_leaves_the_position_without_one(site: Site) -> None:
    site.admin.set_faults(Faults(drop_stop=1))
    site.broker.submit(entry())
    (position,) = site.broker.account().positions
    assert (position.stop, position.take) == (None, Decimal("1.10200"))


def test_an_incomplete_snapshot_says_so(site: Site) -> None:
    assert site.broker.snapshot(LONG_AGO).is_complete
    site.admin.set_faults(Faults(incomplete=1))
    assert not site.broker.snapshot(LONG_AGO).is_complete


def test_what_is_done_by_hand_is_marked(site: Site) -> None:
    position_id = site.admin.open_by_hand(site.account, lots=Decimal("0.02"))
    site.admin.modify_by_hand(site.account, position_id, Decimal("1.09000"), None)
    (position,) = site.broker.account().positions
    assert (position.by_hand, position.magic, position.client_id) == (True, 0, "")
    assert position.stop == Decimal("1.09000")
    site.admin.close_by_hand(site.account, position_id, Decimal("0.01"))
    opened, closed = site.broker.snapshot(LONG_AGO).deals
    assert (opened.by_hand, closed.by_hand, closed.reason) == (True, True, ExitReason.MANUAL)


def test_our_close_of_a_position_opened_by_hand_is_not_by_hand(site: Site) -> None:
    (fill,) = site.broker.close(site.admin.open_by_hand(site.account)).fills
    assert (fill.by_hand, fill.reason) == (False, ExitReason.SIGNAL)


def test_a_person_is_at_work_now_and_then(site: Site) -> None:
    site.broker.submit(entry())
    site.admin.set_faults(Faults(by_hand=1))
    assert wait_for(lambda: site.admin.ledger()["by_hand"], seconds=4)


@pytest.mark.parametrize(
    "values", [{"late": 1.5}, {"late": -0.1}, {"late": "often"}, {"latest": 0.1}, {"lag": None}]
)
def test_faults_that_are_none_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(EngineError, match="Expected"):
        Faults.from_json(values)


def test_fates_exclude_each_other() -> None:
    with pytest.raises(EngineError, match="sum of at most 1"):
        Faults(reject=0.6, late=0.6)
    with pytest.raises(EngineError, match="delay_least <= delay_most"):
        Faults(delay_least=1.0)


def test_faults_survive_json() -> None:
    assert Faults.from_json(DRILL.to_json()) == DRILL


def drawing(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - no secret


@given(st.integers())
def test_the_same_seed_makes_the_same_choice(seed: int) -> None:
    assert choose(DRILL, drawing(seed)) == choose(DRILL, drawing(seed))
    assert choose(Faults(), drawing(seed)) == Choice()


def test_every_fate_comes_about_as_often_as_it_should() -> None:
    rng = drawing(1)
    fates = [choose(DRILL, rng).fate for _ in range(20_000)]
    assert {fate: round(fates.count(fate) / 20_000, 2) for fate in Fate} == {
        Fate.HONEST: pytest.approx(0.83, abs=0.011),
        Fate.LOSE_REPLY: pytest.approx(0.05, abs=0.011),
        **{f: pytest.approx(0.03, abs=0.011) for f in Fate if f not in ("HONEST", "LOSE_REPLY")},
    }


def test_one_fault_more_leaves_the_other_choices_alone() -> None:
    drawn = [choose(DRILL, drawing(seed)) for seed in range(200)]
    without = [choose(replace(DRILL, drop_stop=0), drawing(seed)) for seed in range(200)]
    assert [replace(choice, drops_stop=False) for choice in drawn] == without
