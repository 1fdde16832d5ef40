"""Deals as a stream tells them, as fills: each once, whatever comes twice or out of order. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

import structlog

from trading.brokers.metaapi import mapping
from trading.brokers.metaapi.payload import Fields, PayloadError
from trading.engine.types import Fill

MOST_POSITIONS: Final = 5_000
"""Positions whose deals are remembered; beyond that the longest untouched are forgotten."""
log = structlog.get_logger(__name__)


class Dealings:
    """Remembers the deals of each position: a closing one says whose it is by the opening one."""

    def __init__(self) -> None:
        self._positions: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def fills(self, deals: Iterable[Any]) -> list[Fill]:
        """The fills of the deals that are new, oldest first.

        Deals that cannot be read are left out and logged: a snapshot reads them afresh.
        """
        new: dict[str, set[str]] = {}
        for deal in deals:
            try:
                self._take(deal, new)
            except PayloadError as e:
                log.warning("deal not readable", error=str(e))
        fills = [fill for position, ids in new.items() for fill in self._made(position, ids)]
        return sorted(fills, key=lambda fill: fill.at)

    def _take(self, deal: Any, new: dict[str, set[str]]) -> None:
        position = Fields("deal", deal).ident("positionId", "")
        if not position:  # balance, credit, fees
            return
        known = self._positions.setdefault(position, {})
        self._positions.move_to_end(position)
        deal_id = mapping.deal_id(deal)
        if deal_id not in known:
            known[deal_id] = deal
            new.setdefault(position, set()).add(deal_id)
        if len(self._positions) > MOST_POSITIONS:
            self._positions.popitem(last=False)

    def _made(self, position: str, ids: set[str]) -> list[Fill]:
        try:
            fills = mapping.fills_of(self._positions.get(position, {}).values())
        except PayloadError as e:
            log.warning("deals not readable", position=position, error=str(e))
            return []
        return [fill for fill in fills if fill.deal_id.removesuffix("/in") in ids]
