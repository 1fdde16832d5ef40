"""What the filters of entries need to know of a market: what is usual, weekend, news, ages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import Max
from django.utils.timezone import now

from trading.engine.news import EVERY_CURRENCY, Impact
from trading.engine.risk import Control, LimitSet, Unit
from trading.engine.risk.facts import Ages
from trading.engine.risk.filters import (
    USUAL_MINUTES,
    seconds_to,
    usual_gap,
    usual_spread,
    week_end,
)
from trading.engine.sessions import week_of
from trading.engine.types import TIMEFRAMES, EngineError
from trading.models import Candle, NewsEvent, Order, SimulatedMarket, Symbol

NEAR: Final = timedelta(days=1)
"""News that are farther away than this are in no window."""


class Usual(NamedTuple):
    """Medians of the last hour that was quoted; None = not known."""

    spread_ticks: Decimal | None
    quote_gap: Decimal | None
    """Seconds between two ticks."""


class NewsNear(NamedTuple):
    """News of high impact near a moment; `seconds` is None where the calendar does not reach."""

    seconds: Ages | None
    names: tuple[str, ...]


def filter_facts(*, limits: LimitSet, order: Order, at: datetime) -> Mapping[str, Any]:
    """Columns of `OrderFacts` that filters need, read only where one of the limits asks for it.

    `at` is the market's clock.
    """
    symbol, found = order.symbol, dict[str, Any]()
    medians = (*limits.of(Control.MAX_SPREAD), *limits.of(Control.QUOTE_AGE))
    if any(limit.unit is Unit.MEDIANS for limit in medians):
        usual = usual_of(symbol=symbol)
        found |= {"usual_spread_ticks": usual.spread_ticks, "usual_quote_gap": usual.quote_gap}
    if limits.of(Control.SIGNAL_AGE):
        found["signal_age"] = signal_age(order=order, at=at)
    if limits.of(Control.NEWS_WINDOW) or limits.of(Control.NEWS_CLOSES):
        near = news_near(symbol=symbol, at=at)
        found |= {"news_in": near.seconds, "news": near.names}
    if limits.of(Control.WEEKEND_WINDOW) or limits.of(Control.WEEKEND_FLAT):
        found["weekend_in"] = weekend_in(symbol=symbol, at=at)
    return found


def usual_of(*, symbol: Symbol) -> Usual:
    """By the bars of one minute that the gateway keeps of every symbol, in one statement."""
    minutes = Candle.objects.filter(symbol=symbol, timeframe="M1").order_by("-open_time")
    rows = list(minutes.values_list("spread", "volume")[:USUAL_MINUTES])
    spread = usual_spread([spread for spread, _ in rows], symbol.tick_size.normalize())
    return Usual(spread, usual_gap([volume for _, volume in rows]))


def news_near(*, symbol: Symbol, at: datetime) -> NewsNear:
    """News of the currencies of a symbol within a day of `at`, the oldest first."""
    reach = calendar_reach()
    if reach is None or at >= reach:
        return NewsNear(None, ())
    currencies = (symbol.base_currency, symbol.profit_currency, EVERY_CURRENCY)
    rows = NewsEvent.objects.filter(
        at__range=(at - NEAR, at + NEAR), currency__in=currencies, impact=Impact.HIGH.value
    )
    news = list(rows.order_by("at", "id").values_list("at", "currency", "title"))
    names = tuple(f"{currency} {title}" for _, currency, title in news)
    return NewsNear(seconds_to((moment for moment, *_ in news), at), names)


def calendar_reach() -> datetime | None:
    """How far the calendar of news reaches: to the end of the week of its last ones."""
    last: datetime | None = NewsEvent.objects.aggregate(last=Max("at"))["last"]
    if last is None:
        return None
    midnight = last.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=7 - last.weekday())


def weekend_in(*, symbol: Symbol, at: datetime) -> Ages | None:
    """Seconds until the symbol closes for the weekend; empty where it never does, None where its
    sessions cannot be read."""
    try:
        end = week_end(week_of(symbol.sessions, "trade"), at)
    except EngineError:
        return None
    return () if end is None else seconds_to([end], at)


def signal_age(*, order: Order, at: datetime) -> Decimal | None:
    """Seconds since the close of the bar that the order was decided on."""
    if order.run is None or order.deployment is None:
        return None
    closed = order.run.bar_open + timedelta(seconds=TIMEFRAMES[order.deployment.timeframe])
    return Decimal((at - closed) // timedelta(seconds=1))


def market_now(*, source: str) -> datetime:
    """The clock of a price source: the wall's, but for a simulated market."""
    rows = SimulatedMarket.objects.filter(source=source)
    return rows.values_list("market_time", flat=True).first() or now()
