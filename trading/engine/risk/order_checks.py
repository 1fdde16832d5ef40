"""The checks of the order, its strategy and its symbol: O and S of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from typing import Final

from trading.engine.risk.controls import INPUT_MISSING
from trading.engine.risk.days import day_start, next_rollover
from trading.engine.risk.facts import Ages
from trading.engine.risk.findings import Breach, Case, Unusable, compared, need, positive
from trading.engine.risk.kinds import Action, Unit
from trading.engine.risk.limits import Limit
from trading.engine.types import Instrument

Check = Callable[[Limit, Case], Breach | None]
LEAST_ORDERS: Final = 20
"""Before that there is no habit."""
SLIPS: Final = 3
"""As many bad fills within the window stop the strategy."""
SECOND_BREACH: Final = Decimal(600)
"""Too many messages twice within this many seconds pause."""


def in_doubt(limit: Limit, case: Case) -> Breach | None:
    count = need(case.history.in_doubt, "the count of orders in doubt")
    return compared(limit, "Count of orders in doubt", count, Decimal(0))


def signal_age(limit: Limit, case: Case) -> Breach | None:
    age = need(case.order.signal_age, "the age of the signal")
    return compared(limit, "Age of the signal in seconds", age, limit.value)


def quote_age(limit: Limit, case: Case) -> Breach | None:
    age = abs(need(case.order.quote_age, "the age of the quote"))
    usual = case.order.usual_quote_gap
    return compared(limit, "Age of the quote in seconds", age, _multiple(limit, usual))


def spread(limit: Limit, case: Case) -> Breach | None:
    found = need(case.order.spread_ticks, "the spread")
    usual = case.order.usual_spread_ticks
    return compared(limit, "Spread in ticks", found, _multiple(limit, usual))


def _multiple(limit: Limit, usual: Decimal | None) -> Decimal:
    """What is allowed: the value, or so many times what is usual."""
    if limit.unit is Unit.MEDIANS:
        return limit.value * positive(usual, "what is usual")
    return limit.value


def rollover(limit: Limit, case: Case) -> Breach | None:
    now = case.facts.at
    following = datetime.fromtimestamp(next_rollover(int(now.timestamp())), UTC)
    near = min(now - day_start(now), following - now)
    return _too_near(limit, "The rollover", (Decimal(int(near.total_seconds())),))


def news(limit: Limit, case: Case) -> Breach | None:
    return news_breach(limit, case.order.news_in, case.order.news)


def news_breach(limit: Limit, news_in: Ages | None, names: Sequence[str] = ()) -> Breach | None:
    """The first news that is too near: within the value before it, within the window after it."""
    after = limit.value * 60 if limit.window is None else Decimal(limit.window)
    for number, seconds in enumerate(_listed(news_in, "the calendar of news")):
        if -after <= seconds <= limit.value * 60:
            name = names[number] if number < len(names) else "News"
            when = f"in {seconds:f} s" if seconds >= 0 else f"{-seconds:f} s ago"
            numbers = {"seconds": f"{seconds:f}", "limit": limit.words, "after": f"{after:f} s"}
            found = f"{name} {when}, limit {limit.words} before and {after:f} s after"
            return Breach(found, numbers)
    return None


def weekend(limit: Limit, case: Case) -> Breach | None:
    closes = _listed(case.order.weekend_in, "the sessions of the week")
    return _too_near(limit, "The weekend", tuple(close for close in closes if close >= 0))


def _too_near(limit: Limit, what: str, distances: Ages) -> Breach | None:
    seconds = min((abs(distance) for distance in distances), default=None)
    if seconds is None or seconds > limit.value * 60:
        return None
    numbers = {"seconds": f"{seconds:f}", "limit": limit.words}
    return Breach(f"{what} is {seconds:f} s away, limit {limit.words}", numbers)


def stop_required(limit: Limit, case: Case) -> Breach | None:
    if case.order.stop_ticks is None:
        return Breach("Expected a stop, was none")
    found = need(case.order.stop_ticks, "the distance of the stop")
    least = max(Decimal(1), need(case.order.least_stop_ticks, "the broker's least distance"))
    if found >= least:
        return None
    numbers = {"stop_ticks": f"{found:f}", "least": f"{least:f}"}
    return Breach(f"Expected a stop at least {least:f} ticks away, was {found:f}", numbers)


def max_stop(limit: Limit, case: Case) -> Breach | None:
    if case.order.stop_ticks is None:
        return Breach("Expected a stop, was none")
    found = need(case.order.stop_ticks, "the distance of the stop")
    allowed = limit.value * positive(case.order.atr_ticks, "the average true range")
    return compared(limit, "Distance of the stop in ticks", found, allowed)


def order_form(limit: Limit, case: Case) -> Breach | None:
    order = case.order
    for known, what in ((order.is_allowed, "allow the side"), (order.is_open, "be open")):
        if known is None:
            raise Unusable(INPUT_MISSING, f"Expected to know whether the market would {what}")
        if not known:
            return Breach(f"Expected the market to {what}, did not")
    if order.instrument is None:
        raise Unusable(INPUT_MISSING, "Expected the symbol's volumes, were not known")
    return _lots_breach(case.holding.lots, order.instrument)


def _lots_breach(lots: Decimal, instrument: Instrument) -> Breach | None:
    least, step, most = instrument.volume_min, instrument.volume_step, instrument.volume_max
    if least <= lots <= most and lots % step == 0:
        return None
    numbers = {"lots": f"{lots:f}", "min": f"{least:f}", "step": f"{step:f}", "max": f"{most:f}"}
    wanted = f"{least:f} to {most:f} lots in steps of {step:f}"
    return Breach(f"Expected {wanted}, was {lots:f}", numbers)


def duplicate(limit: Limit, case: Case) -> Breach | None:
    if need(case.history.decision_orders, "the orders of the decision"):
        return Breach("The decision has an order already")
    age = min(_listed(case.history.equal_orders, "equal orders"), default=None)
    if age is None or age > limit.value:
        return None
    return Breach(
        f"An equal order is {age:f} s old, limit {limit.words}",
        {"age": f"{age:f}", "limit": limit.words},
    )


def price_collar(limit: Limit, case: Case) -> Breach | None:
    price, mid = positive(case.order.price, "the price"), positive(case.order.mid, "the mid price")
    return compared(limit, "Percent off the mid price", abs(price - mid) / mid * 100, limit.value)


def max_lots(limit: Limit, case: Case) -> Breach | None:
    lots = positive(case.holding.lots, "lots")
    return compared(limit, "Size in lots", lots, limit.value)


def max_value(limit: Limit, case: Case) -> Breach | None:
    value = positive(case.holding.value, "the order's value")
    return compared(limit, "Value of the order", value, limit.value)


def usual_lots(limit: Limit, case: Case) -> Breach | None:
    own = _listed(case.history.own_lots, "lots of own orders")
    if len(own) < LEAST_ORDERS:
        return None
    lots = positive(case.holding.lots, "lots")
    return compared(limit, "Size in lots", lots, limit.value * median(own))


def slippage(limit: Limit, case: Case) -> Breach | None:
    if case.history.slips is None:
        raise Unusable(INPUT_MISSING, "Expected the slippage of fills, was not known")
    bad = sum(
        1
        for age, ticks in case.history.slips
        if _is_recent(limit, need(age, "the age of a fill"))
        and abs(need(ticks, "the slippage of a fill")) > limit.value
    )
    return compared(limit, "Count of fills that slipped", Decimal(bad), Decimal(SLIPS - 1))


def messages(limit: Limit, case: Case) -> Breach | None:
    ages = _listed(case.history.messages.get(limit.subject), "messages sent")
    count = sum(1 for age in ages if _is_recent(limit, age)) + 1
    found = compared(limit, "Count of messages", Decimal(count), limit.value)
    again = any(age <= SECOND_BREACH for age in case.history.refused_messages)
    if found and again and limit.action is Action.BLOCK:
        return Breach(f"{found.message}, again", found.numbers, Action.PAUSE)
    return found


def repeated(limit: Limit, case: Case) -> Breach | None:
    ages = _listed(case.history.executions, "entries executed")
    count = sum(1 for age in ages if _is_recent(limit, age))
    return compared(limit, "Count of repeated entries", Decimal(count), limit.value - 1)


def loss_streak(limit: Limit, case: Case) -> Breach | None:
    losses = need(case.history.losses_in_a_row, "the count of losses in a row")
    if losses < limit.value or not losses:
        return None
    if not _is_recent(limit, need(case.history.last_loss_age, "the age of the last loss")):
        return None
    return compared(limit, "Count of losses in a row", losses, limit.value - 1)


def _is_recent(limit: Limit, age: Decimal) -> bool:
    assert limit.window is not None
    return age < limit.window


def _listed(values: Ages | None, what: str) -> Ages:
    """The numbers; Unusable when they, or one of them, are not known."""
    if values is None:
        raise Unusable(INPUT_MISSING, f"Expected {what}, was not known")
    return tuple(need(value, what) for value in values)


ORDER_CHECKS: Final[Mapping[str, Check]] = {
    "IN_DOUBT": in_doubt,
    "SIGNAL_AGE": signal_age,
    "QUOTE_AGE": quote_age,
    "MAX_SPREAD": spread,
    "ROLLOVER_WINDOW": rollover,
    "NEWS_WINDOW": news,
    "NEWS_CLOSES": news,
    "WEEKEND_WINDOW": weekend,
    "WEEKEND_FLAT": weekend,
    "STOP_REQUIRED": stop_required,
    "MAX_STOP": max_stop,
    "ORDER_FORM": order_form,
    "DUPLICATE": duplicate,
    "PRICE_COLLAR": price_collar,
    "MAX_LOTS": max_lots,
    "MAX_VALUE": max_value,
    "USUAL_LOTS": usual_lots,
    "SLIPPAGE": slippage,
    "MAX_MESSAGES": messages,
    "REPEATED_ENTRIES": repeated,
    "LOSS_STREAK": loss_streak,
}
