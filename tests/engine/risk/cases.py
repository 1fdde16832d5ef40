"""A wished order that every control lets pass, and the facts around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.engine.tables import instrument
from trading.engine.risk import (
    AccountFacts,
    Control,
    Correlations,
    DrawdownState,
    Facts,
    HistoryFacts,
    Holding,
    Limit,
    LimitSet,
    OrderFacts,
    Reading,
    Scope,
    Subject,
    SubjectFacts,
    exposure_of,
    first_denial,
    limit_of,
)

D = Decimal
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday."""
CLOCK = limit_of(Control.DAILY_LOSS, 1).clock
EUR = Holding("EURUSD", 1, D(1), D(1000), "EUR", "USD", D(100), False, "1")
OPEN = Holding("EURUSD", 1, D(1), D(1000), "EUR", "USD", D(100), True, "1")
EQUITY = D(10_000)
STATE = DrawdownState.opened(EQUITY, Reading(NOON, EQUITY, EQUITY), CLOCK)

GOOD = Facts(
    at=NOON,
    account=AccountFacts(
        reading_age=D(1),
        margin=D(100),
        reserved_margin=D(0),
        mismatches=0,
        uncounted_moves=0,
    ),
    order=OrderFacts(
        holding=EUR,
        instrument=instrument(),
        price=D("1.1001"),
        mid=D("1.1000"),
        margin=D(50),
        stop_ticks=D(50),
        least_stop_ticks=D(0),
        atr_ticks=D(30),
        spread_ticks=D(2),
        usual_spread_ticks=D(2),
        quote_age=D(1),
        usual_quote_gap=D(1),
        signal_age=D(2),
        is_allowed=True,
        is_open=True,
        news_in=(D(-7200), D(86400)),
        weekend_in=(D(200_000),),
    ),
    history=HistoryFacts(
        in_doubt=0,
        decision_orders=0,
        equal_orders=(D(600),),
        own_lots=(D(1),) * 20,
        executions=(D(100),),
        slips=((D(100), D(3)),),
        messages={s: (D(10),) for s in (Subject.DEPLOYMENT, Subject.ACCOUNT, Subject.GLOBAL)},
        losses_in_a_row=1,
        last_loss_age=D(100),
    ),
    correlations=Correlations({"EURUSD": {"GBPUSD": D("0.8")}, "GBPUSD": {"EURUSD": D("0.8")}}),
    problems=(),
)


def good(
    *held: Holding,
    order: Mapping[str, Any] | None = None,
    account: Mapping[str, Any] | None = None,
    history: Mapping[str, Any] | None = None,
    equity: Decimal | None = EQUITY,
    **facts: Any,
) -> Facts:
    """The good facts with changes; `held` are the account's, the group's and everything."""
    sums = SubjectFacts(equity, exposure_of(held or (OPEN,), D(5000)), {CLOCK: STATE})
    keys = ((Subject.ACCOUNT, ""), (Subject.GROUP, "7"), (Subject.GLOBAL, ""))
    assert GOOD.order is not None
    changed = replace(
        GOOD,
        order=replace(GOOD.order, **(order or {})),
        account=replace(GOOD.account, **(account or {})),
        history=replace(GOOD.history, **(history or {})),
        subjects={**dict.fromkeys(keys, sums), (Subject.DEPLOYMENT, ""): replace(sums)},
    )
    return replace(changed, **facts)


def code_of(limit: Limit, facts: Facts) -> str | None:
    """The code with which one limit refuses."""
    found = first_denial(LimitSet((limit,)), facts)
    return None if found is None else found.code


def on(scope: Scope, limit: Limit, target: str = "7") -> Limit:
    return replace(limit, scope=scope, target=target)
