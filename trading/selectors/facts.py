"""The facts by which an order is judged: each read only where a limit that holds asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings

from trading.engine import indicators
from trading.engine.risk import (
    AccountFacts,
    Control,
    Correlations,
    Facts,
    HistoryFacts,
    Holding,
    LimitSet,
    OrderFacts,
    Stake,
    Subject,
)
from trading.engine.risk.facts import Ages
from trading.engine.risk.order_checks import SECOND_BREACH
from trading.engine.types import EngineError, Quote
from trading.models import BalanceMove, Lease, Order
from trading.selectors import habits
from trading.selectors.bars import bars_tail
from trading.selectors.clock import seconds_since
from trading.selectors.correlations import correlations_between
from trading.selectors.filters import filter_facts
from trading.selectors.holdings import converted, holding_at, key_of, pending_value
from trading.selectors.pending import RECENT, doubt_about, equal_among, equal_orders
from trading.selectors.quotes import SeenQuote
from trading.selectors.subjects import Setting, Subjects

ATR_WINDOW: Final = 14
ATR_BARS: Final = 8 * ATR_WINDOW
"""By then the exponential mean has forgotten where it began."""


def facts_of(*, setting: Setting, seen: SeenQuote, lease: Lease) -> Facts:
    """Everything the limits of the setting ask for about its order.

    What keeps the platform from trading at all (disk, build, reconciliation, database) the gate
    has looked at before: there are no problems left to tell.
    """
    order, quote = setting.order, seen.quote
    setting.prices.know(order.symbol.source, quote)
    setting.prices.read(order.symbol.source, (), converted(order.account.currency, [order.symbol]))
    holding = _holding(setting, quote)
    subjects = Subjects(setting)
    sums = subjects.facts()
    return Facts(
        at=setting.at,
        account=_account_facts(setting, lease),
        order=_order_facts(setting, seen, holding),
        history=_history_facts(setting),
        subjects=sums,
        correlations=_correlations(setting, subjects),
        problems=(),
    )


def expected_price(order: Order, quote: Quote) -> Decimal:
    """Where an entry is expected to be filled, slippage aside."""
    return order.price or (quote.ask if order.side > 0 else quote.bid)


def _holding(setting: Setting, quote: Quote) -> Holding | None:
    """What the order would be; at least the risk that was reserved for it."""
    order = setting.order
    price, lots = expected_price(order, quote), Decimal(order.lots)
    stake = Stake(order.side, lots, price, order.stop, False, key_of(order.deployment_id))
    try:
        currency = setting.account.currency
        holding = holding_at(
            symbol=order.symbol, currency=currency, stake=stake, prices=setting.prices
        )
    except (EngineError, ArithmeticError):
        return None
    if holding.risk is None:
        return holding
    return replace(holding, risk=max(holding.risk, order.risk_money))


def _order_facts(setting: Setting, seen: SeenQuote, holding: Holding | None) -> OrderFacts:
    order, quote, instrument = setting.order, seen.quote, setting.order.symbol.instrument()
    price = expected_price(order, quote)
    more = dict(filter_facts(limits=setting.limits, order=order, at=setting.at))
    if order.stop is not None:
        closing = price - order.side * quote.spread
        more["stop_ticks"] = (closing - order.stop) * order.side / instrument.tick_size
    if setting.limits.of(Control.MAX_STOP):
        more["atr_ticks"] = _atr_ticks(order)
    return OrderFacts(
        holding=holding,
        instrument=instrument,
        price=price,
        mid=(quote.bid + quote.ask) / 2,
        margin=None if holding is None else holding.value / setting.account.leverage,
        least_stop_ticks=Decimal(instrument.stops_level),
        spread_ticks=quote.spread / instrument.tick_size,
        quote_age=Decimal(str(round(seen.age, 3))),
        is_allowed=True,  # trade mode and sessions have codes of their own, asked before
        is_open=True,
        **more,
    )


def _atr_ticks(order: Order) -> Decimal | None:
    """Average true range of the deployment's own bars; None of too short a history."""
    assert order.deployment is not None
    bars = bars_tail(symbol=order.symbol, timeframe=order.deployment.timeframe, count=ATR_BARS)
    if len(bars) < ATR_WINDOW:
        return None
    found = indicators.atr(bars.high, bars.low, bars.close, ATR_WINDOW)[-1]
    return Decimal(repr(float(found))) / order.symbol.tick_size


def _account_facts(setting: Setting, lease: Lease) -> AccountFacts:
    account, limits = setting.account, setting.limits
    moves: int | None = None
    if limits.of(Control.BALANCE_MOVED):
        moves = BalanceMove.objects.filter(account=account, counted_at__isnull=True).count()
    age = abs(seconds_since(lease.seen_tick, lease.boot, setting.moment))
    return AccountFacts(
        reading_age=Decimal(str(round(age, 3))),
        margin=account.margin,
        reserved_margin=_reserved_margin(setting),
        mismatches=account.mismatches,
        uncounted_moves=moves,
        oldest_reading=Decimal(str(settings.TIMING.status_age)),
    )


def _reserved_margin(setting: Setting) -> Decimal | None:
    account = setting.account
    try:
        value = pending_value(account=account, pending=setting.pending, prices=setting.prices)
    except (EngineError, ArithmeticError):
        return None
    return value / account.leverage


def _history_facts(setting: Setting) -> HistoryFacts:
    order, at, limits = setting.order, setting.at, setting.limits
    assert order.deployment_id is not None
    found: dict[str, Any] = {}
    if limits.of(Control.USUAL_LOTS):
        found["own_lots"] = habits.own_lots(order=order)
    if window := _window(limits, Control.REPEATED_ENTRIES):
        found["executions"] = habits.executions(order=order, at=at, window=window)
    if window := _window(limits, Control.SLIPPAGE):
        deployment = order.deployment_id
        found["slips"] = habits.slips(deployment_id=deployment, at=at, window=window)
    if limits.of(Control.LOSS_STREAK):
        losses, age = habits.losses_in_a_row(deployment_id=order.deployment_id, at=at)
        found |= {"losses_in_a_row": losses, "last_loss_age": age}
    if limits.of(Control.MAX_MESSAGES):
        found["messages"] = _messages(setting)
        within = timedelta(seconds=int(SECOND_BREACH))
        found["refused_messages"] = habits.refused_messages(order=order, within=within)
    return HistoryFacts(
        in_doubt=int(doubt_about(order, list(setting.pending)) is not None),
        decision_orders=0,  # its key is unique: there is no other row
        equal_orders=_equal_orders(setting),
        **found,
    )


def _messages(setting: Setting) -> Mapping[Subject, Ages]:
    limits = setting.limits.of(Control.MAX_MESSAGES)
    windows = {limit.subject: 0 for limit in limits}
    for limit in limits:
        windows[limit.subject] = max(windows[limit.subject], limit.window or 0)
    return {
        subject: habits.messages(order=setting.order, subject=subject, window=window)
        for subject, window in windows.items()
    }


def _equal_orders(setting: Setting) -> Ages:
    """Ages by the market's clock; read beyond what is at hand only for a long limit."""
    order, at = setting.order, setting.at
    value = max((limit.value for limit in setting.limits.of(Control.DUPLICATE)), default=Decimal(0))
    if value <= RECENT.total_seconds():
        times = equal_among(list(setting.pending), order)
    else:
        times = equal_orders(order=order, since=at - timedelta(seconds=float(value)))
    return tuple(max(Decimal(0), Decimal(str((at - when).total_seconds()))) for when in times)


def _correlations(setting: Setting, subjects: Subjects) -> Correlations | None:
    if not setting.limits.of(Control.CORRELATED_EXPOSURE):
        return None
    return correlations_between(symbols=subjects.symbols, at=setting.at)


def _window(limits: LimitSet, control: Control) -> int:
    """The longest that one of its limits looks back, in seconds; 0 without any."""
    return max((limit.window or 0 for limit in limits.of(control)), default=0)
