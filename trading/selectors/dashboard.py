"""What the dashboard shows: rows turned into the payloads of `trading.broadcast`.

Every function asks a fixed number of queries, however many rows there are. Money and prices are
strings with the decimals of their currency or symbol; times are ISO 8601 in UTC, or epoch seconds
where a chart reads them.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, TypedDict

from django.db import connection
from django.db.models import OuterRef, Subquery

from trading.broadcast import (
    AccountPayload,
    CandlePayload,
    DeploymentPayload,
    EventPayload,
    EventsFrame,
    FillPayload,
    PositionPayload,
    SnapshotFrame,
)
from trading.models import (
    Account,
    Deployment,
    EquityPoint,
    Event,
    Fill,
    Position,
    StrategyRun,
    Symbol,
)
from trading.selectors.bars import bars_tail
from trading.selectors.conditions import Condition, conditions_of

FILLS: Final = 20
"""Latest fills in a snapshot."""
EVENTS: Final = 50
"""Latest events in a snapshot."""
MARKERS: Final = 500
"""Latest fills of a symbol that its chart marks."""
CURVE_POINTS: Final = 500
CURVE_SPAN: Final = timedelta(days=30)
"""How far an equity curve reaches back from its newest point, on the market's clock."""
CURVES_AT_ONCE: Final = 30
"""Accounts per query: two variables a point, and SQLite takes 32,766."""

Curve = list[tuple[int, float]]
"""(epoch seconds on the market's clock, equity), oldest first."""


class ChartChoice(TypedDict):
    """A chart somebody can look at: a symbol and timeframe that a running deployment trades."""

    symbol_id: int
    symbol: str
    digits: int
    timeframe: str


def snapshot() -> SnapshotFrame:
    """The whole state. The event id is read first, so rows are at least as new as it says."""
    events = Event.objects.order_by("-id")[:EVENTS]
    newest_first = [_event(event) for event in events]
    return {
        "type": "snapshot",
        "last_event_id": newest_first[0]["id"] if newest_first else 0,
        "accounts": account_payloads(),
        "positions": position_payloads(),
        "fills": fill_payloads(),
        "deployments": deployment_payloads(),
        "events": newest_first[::-1],
        "equity": equity_curves(),
    }


def events_after(last_id: int, limit: int = 200) -> EventsFrame:
    """The first `limit` events after `last_id` in id order; accounts, latest fills and deployments
    as they are now."""
    events = Event.objects.filter(id__gt=last_id).order_by("id")[:limit]
    return {
        "type": "events",
        "events": [_event(event) for event in events],
        "accounts": account_payloads(),
        "fills": fill_payloads(),
        "deployments": deployment_payloads(),
    }


def account_payloads() -> list[AccountPayload]:
    """All accounts by name, with their condition, whatever the row says of their state."""
    accounts = list(Account.objects.select_related("lease").order_by("name"))
    conditions = conditions_of(accounts)
    return [_account(account, conditions[account.pk]) for account in accounts]


def position_payloads() -> list[PositionPayload]:
    """Open positions, oldest first."""
    positions = Position.objects.filter(closed_at__isnull=True).order_by("opened_at", "id")
    related = ("symbol", "deployment__strategy", "deployment__symbol")
    return [_position(position) for position in positions.select_related(*related)]


def fill_payloads() -> list[FillPayload]:
    """The latest fills, oldest first."""
    fills = Fill.objects.select_related("symbol").order_by("-id")[:FILLS]
    return [_fill(fill) for fill in fills][::-1]


def deployment_payloads() -> list[DeploymentPayload]:
    """All deployments with the answer to the newest bar they are done with."""
    done = [StrategyRun.State.DONE, StrategyRun.State.EXPIRED, StrategyRun.State.FAILED]
    runs = StrategyRun.objects.filter(deployment=OuterRef("pk"), state__in=done)
    deployments = list(
        Deployment.objects.select_related("strategy", "symbol")
        .annotate(last_run=Subquery(runs.order_by("-bar_open").values("pk")[:1]))
        .order_by("account__name", "strategy__name", "symbol__name", "timeframe", "id")
    )
    found = StrategyRun.objects.defer("numbers").in_bulk(
        [d.last_run for d in deployments if d.last_run is not None]
    )
    return [_deployment(d, found.get(d.last_run or 0)) for d in deployments]


def equity_curve(account_id: int) -> Curve:
    """The curve of one account: at most CURVE_POINTS points, evenly spread in time."""
    return equity_curves([account_id])[account_id]


def equity_curves(account_ids: Iterable[int] | None = None) -> dict[int, Curve]:
    """The curves of the accounts given, or of all; newest and oldest point are always in."""
    accounts = Account.objects.order_by("pk")
    if account_ids is not None:
        accounts = accounts.filter(pk__in=account_ids)
    points = EquityPoint.objects.filter(account=OuterRef("pk"))
    rows = accounts.annotate(
        oldest=Subquery(points.order_by("at").values("at")[:1]),
        newest=Subquery(points.order_by("-at").values("at")[:1]),
    ).values_list("pk", "oldest", "newest")
    curves: dict[int, dict[int, float]] = {pk: {} for pk, _, _ in rows}
    spans = [(pk, max(oldest, end - CURVE_SPAN), end) for pk, oldest, end in rows if end]
    for i in range(0, len(spans), CURVES_AT_ONCE):
        goals = [(pk, at) for pk, *span in spans[i : i + CURVES_AT_ONCE] for at in _spread(*span)]
        for point in _points_at(goals):
            curves[point.account_id][int(point.at.timestamp())] = float(point.equity)
    return {pk: list(curve.items()) for pk, curve in curves.items()}


def candles_tail(symbol_id: int, timeframe: str, count: int) -> list[CandlePayload]:
    """The newest `count` closed bars, oldest first; raises Symbol.DoesNotExist."""
    symbol = Symbol.objects.get(pk=symbol_id)
    bars = bars_tail(symbol=symbol, timeframe=timeframe, count=count)
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        {
            "symbol": symbol.name,
            "timeframe": timeframe,
            "time": time,
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
        }
        for time, open_, high, low, close in rows
    ]


def fill_markers(symbol_id: int, since: datetime) -> list[FillPayload]:
    """The latest fills of a symbol at or after `since` (the market's clock), oldest first."""
    fills = Fill.objects.filter(symbol=symbol_id, at__gte=since).select_related("symbol")
    return [_fill(fill) for fill in fills.order_by("-id")[:MARKERS]][::-1]


def chart_choices() -> list[ChartChoice]:
    """What running deployments trade, each symbol and timeframe once."""
    rows = (
        Deployment.objects.filter(state=Deployment.State.RUNNING)
        .order_by("symbol__name", "symbol_id", "timeframe")
        .values_list("symbol_id", "symbol__name", "symbol__digits", "timeframe")
        .distinct()
    )
    return [
        {"symbol_id": pk, "symbol": name, "digits": digits, "timeframe": timeframe}
        for pk, name, digits, timeframe in rows
    ]


def _spread(start: datetime, end: datetime) -> list[datetime]:
    """CURVE_POINTS moments from start to end, or the one when they are the same."""
    step = (end - start) / (CURVE_POINTS - 1)
    return [end - i * step for i in range(CURVE_POINTS)] if step else [end]


def _points_at(goals: list[tuple[int, datetime]]) -> Iterable[EquityPoint]:
    """The last point at or before each (account, moment), by time, each once.

    One seek in the index per goal. To number the rows with a window function and keep every n-th
    reads all of them: 35 times slower at 80,000 points.
    """
    adapt = connection.ops.adapt_datetimefield_value
    return EquityPoint.objects.raw(
        f"""
        SELECT point.* FROM trading_equitypoint AS point JOIN (
            SELECT DISTINCT goal.column1 AS account_id, (
                SELECT "at" FROM trading_equitypoint
                WHERE account_id = goal.column1 AND "at" <= goal.column2
                ORDER BY "at" DESC LIMIT 1
            ) AS "at"
            FROM (VALUES {", ".join(["(%s, %s)"] * len(goals))}) AS goal
        ) AS picked ON point.account_id = picked.account_id AND point."at" = picked."at"
        ORDER BY point."at"
        """,  # noqa: S608  only placeholders are put in
        [value for pk, at in goals for value in (pk, adapt(at))],
    )


def _account(account: Account, condition: Condition) -> AccountPayload:
    start = account.day_start_equity
    return {
        "id": account.pk,
        "name": account.name,
        "currency": account.currency,
        "state": condition.health.value,
        "state_reason": condition.reason,
        "balance": f"{account.balance:.2f}",
        "equity": f"{account.equity:.2f}",
        "margin": f"{account.margin:.2f}",
        "day_start_equity": None if start is None else f"{start:.2f}",
        "observed_at": account.observed_at.isoformat() if account.observed_at else None,
    }


def _position(position: Position) -> PositionPayload:
    digits = position.symbol.digits
    return {
        "id": position.pk,
        "account": position.account_id,
        "symbol": position.symbol.name,
        "side": position.side,
        "lots": f"{position.lots.normalize():f}",
        "entry_price": f"{position.entry_price:.{digits}f}",
        "stop": None if position.stop is None else f"{position.stop:.{digits}f}",
        "take": None if position.take is None else f"{position.take:.{digits}f}",
        "profit": f"{position.profit:.2f}",
        "opened_at": position.opened_at.isoformat(),
        "deployment": str(position.deployment or ""),
    }


def _fill(fill: Fill) -> FillPayload:
    return {
        "id": fill.pk,
        "account": fill.account_id,
        "symbol": fill.symbol.name,
        "side": fill.side,
        "opens": fill.opens,
        "lots": f"{fill.lots.normalize():f}",
        "price": f"{fill.price:.{fill.symbol.digits}f}",
        "profit": f"{fill.profit:.2f}",
        "reason": fill.reason,
        "at": fill.at.isoformat(),
    }


def _deployment(deployment: Deployment, run: StrategyRun | None) -> DeploymentPayload:
    return {
        "id": deployment.pk,
        "account": deployment.account_id,
        "label": str(deployment),
        "symbol": deployment.symbol.name,
        "timeframe": deployment.timeframe,
        "state": deployment.state,
        "bar_open": run.bar_open.isoformat() if run else None,
        "outcome": (run.outcome or run.state) if run else "",
        "code": run.code if run else "",
        "message": run.message if run else "",
    }


def _event(event: Event) -> EventPayload:
    return {
        "id": event.pk,
        "kind": event.kind,
        "severity": event.severity,
        "message": event.message,
        "account": event.account_id,
        "at": event.at.isoformat(),
    }
