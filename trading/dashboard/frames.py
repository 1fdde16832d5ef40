"""Arithmetic on frames: what a browser has not seen yet, and market frames made one."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from trading.broadcast import (
    AccountPayload,
    CandlePayload,
    DeploymentPayload,
    EventsFrame,
    FillPayload,
    MarketFrame,
    SnapshotFrame,
)

Row = TypeVar("Row", AccountPayload, FillPayload, DeploymentPayload)
Seen = Mapping[tuple[str, int], AccountPayload | FillPayload | DeploymentPayload]
"""Rows a browser was sent already, by list and id."""


def rows_seen(frame: SnapshotFrame | EventsFrame) -> Seen:
    """The rows of a frame as the memory of what a browser knows."""
    rows: dict[tuple[str, int], AccountPayload | FillPayload | DeploymentPayload] = {}
    rows.update({("account", account["id"]): account for account in frame["accounts"]})
    rows.update({("fill", fill["id"]): fill for fill in frame["fills"]})
    rows.update({("deployment", row["id"]): row for row in frame["deployments"]})
    return rows


def without_seen(frame: EventsFrame, seen: Seen) -> EventsFrame:
    """The frame less the rows that the browser holds in the same form."""
    return {
        "type": "events",
        "events": frame["events"],
        "accounts": _unseen("account", frame["accounts"], seen),
        "fills": _unseen("fill", frame["fills"], seen),
        "deployments": _unseen("deployment", frame["deployments"], seen),
    }


def has_news(frame: EventsFrame) -> bool:
    """Is there anything in it that is worth sending?"""
    return any(frame[key] for key in ("events", "accounts", "fills", "deployments"))


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


def _unseen(kind: str, rows: Iterable[Row], seen: Seen) -> list[Row]:
    return [row for row in rows if seen.get((kind, row["id"])) != row]


def _newest(rows: Iterable[Any], key: str) -> list[Any]:
    return list({row[key]: row for row in rows}.values())


def _two_newest(candles: Iterable[CandlePayload]) -> list[CandlePayload]:
    charts: dict[tuple[str, str], dict[int, CandlePayload]] = {}
    for candle in candles:
        chart = charts.setdefault((candle["symbol"], candle["timeframe"]), {})
        chart[candle["time"]] = candle
    return [chart[time] for chart in charts.values() for time in sorted(chart)[-2:]]
