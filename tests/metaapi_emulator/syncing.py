"""The packets a synchronisation consists of, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.metaapi_emulator.accounts import Account
from tests.metaapi_emulator.formats import parsed_time
from tests.metaapi_emulator.shapes import orders_json, positions_json, specification_of

CHUNK: Final = 200
Packet = dict[str, Any]


def synchronization(account: Account, asked: Mapping[str, Any]) -> Iterator[Packet]:
    """Everything from the beginning to the two ends; always in full, never by hash.

    `asked` is the request: its id names the synchronisation, and its starting times limit the
    history.
    """
    for packet in _packets(account, asked):
        yield {**packet, "synchronizationId": asked["requestId"]}


def _packets(account: Account, asked: Mapping[str, Any]) -> Iterator[Packet]:
    hashes = ("specificationsHashIndex", "positionsHashIndex", "ordersHashIndex")
    yield {"type": "synchronizationStarted", **dict.fromkeys(hashes)}
    yield {"type": "accountInformation", "accountInformation": account.information()}
    specifications = [specification_of(account, symbol) for symbol in account.market.quotes]
    yield {"type": "specifications", "specifications": specifications, "removedSymbols": []}
    yield {"type": "positions", "positions": positions_json(account)}
    yield {"type": "orders", "orders": orders_json(account)}
    done = _since(account.history, "doneTime", asked.get("startingHistoryOrderTime"))
    yield from _chunks("historyOrders", done)
    yield {"type": "orderSynchronizationFinished"}
    yield from _chunks("deals", _since(account.deals, "time", asked.get("startingDealTime")))
    yield {"type": "dealSynchronizationFinished"}


def _since(rows: list[Packet], key: str, start: str | None) -> list[Packet]:
    if not start:
        return rows
    first = parsed_time(start)
    return [row for row in rows if parsed_time(row[key]) >= first]


def _chunks(name: str, rows: list[Packet]) -> Iterator[Packet]:
    for start in range(0, len(rows), CHUNK):
        yield {"type": name, name: rows[start : start + CHUNK]}
