"""Arithmetic on frames: what a browser has not seen yet, and market frames made one."""

from collections.abc import Iterable, Mapping
from typing import Any

from trading.broadcast import (
    CandlePayload,
    DeploymentPayload,
    EventsFrame,
    FillPayload,
    MarketFrame,
)

Seen = Mapping[tuple[str, int], FillPayload | DeploymentPayload]
"""Rows a browser was sent already, by list and id."""


def rows_seen(fills: Iterable[FillPayload], deployments: Iterable[DeploymentPayload]) -> Seen:
    """These rows as the memory of what a browser knows."""
    rows: dict[tuple[str, int], FillPayload | DeploymentPayload] = {}
    rows.update({("fill", fill["id"]): fill for fill in fills})
    rows.update({("deployment", deployment["id"]): deployment for deployment in deployments})
    return rows


def without_seen(frame: EventsFrame, seen: Seen) -> EventsFrame:
    """The frame less the fills and deployments that the browser holds in the same form."""
    return {
        "type": "events",
        "events": frame["events"],
        "fills": [row for row in frame["fills"] if seen.get(("fill", row["id"])) != row],
        "deployments": [
            row for row in frame["deployments"] if seen.get(("deployment", row["id"])) != row
        ],
    }


def has_news(frame: EventsFrame) -> bool:
    """Is there anything in it that is worth sending?"""
    return bool(frame["events"] or frame["fills"] or frame["deployments"])


def market_merged(waiting: MarketFrame | None, newer: MarketFrame) -> MarketFrame:
    """The frame that says what both said, so that the one that waits can be dropped.

    The newer word on a quote, account or candle stands; positions and deployments are whole lists
    and are replaced. Of each chart the two newest candles stay: a bar's final word must not be
    lost when the next bar opens while a frame waits, and nothing may pile up.
    """
    if waiting is None:
        return newer
    return {
        "type": "market",
        "quotes": _newest([*waiting["quotes"], *newer["quotes"]], "symbol"),
        "candles": _two_newest([*waiting["candles"], *newer["candles"]]),
        "accounts": _newest([*waiting["accounts"], *newer["accounts"]], "id"),
        "positions": newer["positions"],
        "deployments": newer["deployments"],
    }


def _newest(rows: Iterable[Any], key: str) -> list[Any]:
    return list({row[key]: row for row in rows}.values())


def _two_newest(candles: Iterable[CandlePayload]) -> list[CandlePayload]:
    charts: dict[tuple[str, str], dict[int, CandlePayload]] = {}
    for candle in candles:
        chart = charts.setdefault((candle["symbol"], candle["timeframe"]), {})
        chart[candle["time"]] = candle
    return [chart[time] for chart in charts.values() for time in sorted(chart)[-2:]]
