"""What the preview shows is what the next run orders, through database and paper book."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from tests.desk import NOON, Desk, make_desk
from tests.factories import make_risk_limit
from trading.engine.types import Denied, OrderIntent
from trading.models import (
    Account,
    Candle,
    Deployment,
    Lease,
    Order,
    Strategy,
    StrategyRun,
)
from trading.selectors.clock import clock_read
from trading.services.previews import trade_preview
from trading.services.runs import run_execute

pytestmark = pytest.mark.django_db
CASES = 200


def any_sizing(rng: Random) -> dict[str, Any]:
    """Columns of a deployment, bold enough to trade often."""
    method = rng.choice(["FIXED", "FRACTIONAL", "MONEY", "ATR", "VOLATILITY", "KELLY"])
    start, end = rng.choice([(None, None), (1, 5), (3, 40)])
    return {
        "sizing_method": method,
        "sizing_base": rng.choice(["LESSER", "BALANCE", "EQUITY", "FREE_MARGIN", "DAY_START"]),
        "risk_percent": Decimal(rng.randint(1, 400)) / 100,
        "sizing_value": Decimal(rng.randint(1, 3000)) / 100,
        "atr_multiple": Decimal(rng.randint(10, 900)) / 100,
        "measured_bars": rng.randint(2, 40),
        "kelly_start_percent": Decimal(rng.choice([0, 1])),
        "drawdown_from": start,
        "drawdown_to": end,
        "curve_factor": rng.choice([None, None, Decimal("0.5")]),
        "gap_ticks": rng.choice([0, 15]),
        "expected_nights": rng.choice([0, 3]),
        "max_risk_coefficient": rng.choice([1, 1, 5]),
    }


def played(desk: Desk, minute: int, price: str) -> tuple[OrderIntent | Denied, StrategyRun]:
    """The bar closes, somebody looks at the preview, the worker answers."""
    desk.quote(price, NOON + timedelta(minutes=minute))
    Lease.objects.update(seen_tick=clock_read().tick)
    run = desk.close_bar(minute, float(price))
    deployment = Deployment.objects.get(pk=desk.deployment.pk)
    side = 1 if price == "1.10200" else -1
    shown = trade_preview(deployment=deployment)[side]
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    return shown, run


def test_two_hundred_runs_order_what_was_shown() -> None:
    desk, rng, ordered, refused = make_desk(), Random(7), 0, 0  # noqa: S311  not for secrets
    for minute in range(CASES):
        Deployment.objects.update(**any_sizing(rng))
        shown, run = played(desk, minute, "1.10000" if minute % 2 == 0 else "1.10200")
        if isinstance(shown, Denied):
            assert (run.outcome, run.code) == ("DENIED", shown.code)
            refused += 1
            continue
        order = Order.objects.filter(run=run, purpose="ENTRY").get()
        assert order.code == "", order.message
        assert (order.lots, order.stop, order.filled_lots) == (shown.lots, shown.stop, shown.lots)
        assert order.risk_money == Decimal(shown.numbers["money_at_risk"])
        ordered += 1
    assert min(ordered, refused) > CASES // 10


def codes(deployment: Deployment) -> set[str]:
    found = trade_preview(deployment=deployment).values()
    return {entry.code if isinstance(entry, Denied) else "" for entry in found}


def test_without_an_order_wanted_both_sides_are_shown() -> None:
    desk = make_desk()
    assert codes(desk.deployment) == {""}
    assert not Order.objects.exists()


def test_what_keeps_a_run_from_deciding_is_shown() -> None:
    desk = make_desk()
    Account.objects.update(kind="metaapi")
    assert codes(Deployment.objects.get()) == {"BAD_INPUT"}
    Account.objects.update(kind="paper")
    Strategy.objects.update(params={"fast": 9, "slow": 3})
    assert codes(Deployment.objects.get()) == {"BAD_INPUT"}
    Strategy.objects.update(params={})
    desk.symbol.candles.all().delete()
    Candle.objects.all().delete()
    desk.symbol.chunks.all().delete()
    assert codes(Deployment.objects.get()) == {"WARMING_UP"}


def test_without_a_fresh_quote_nothing_is_shown() -> None:
    desk = make_desk()
    desk.symbol.source = "silent"
    desk.symbol.save()
    assert codes(Deployment.objects.get()) == {"QUOTE_STALE"}


def test_open_risk_makes_an_order_smaller_and_the_gate_lets_it_through() -> None:
    desk = make_desk(risk_percent=Decimal("0.5"))
    make_risk_limit(control="OPEN_RISK", unit="MONEY", value=300)
    shown, run = played(desk, 0, "1.10000")
    assert isinstance(shown, OrderIntent)
    assert shown.numbers["binding"] == "open risk"
    assert 280 < Decimal(shown.numbers["money_at_risk"]) <= 300
    assert Order.objects.get(run=run).filled_lots == shown.lots
