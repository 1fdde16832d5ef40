"""What a test may ask beside trading: faults, pins, a person's hand, the ledger, dropped sockets.

Everything lies under /emulator and needs no token: the emulator listens on loopback alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from tests.metaapi_emulator.accounts import Account, AccountKind, Terms, hand_ticket
from tests.metaapi_emulator.codes import Refused
from tests.metaapi_emulator.emulator import Emulator
from tests.metaapi_emulator.faults import Faults
from tests.metaapi_emulator.rest import body_of, failure
from trading.brokers.market import SIMULATED_SYMBOLS

Body = dict[str, Any]
Action = Callable[[Body], Awaitable[object]]


class Admin:
    """The endpoints under /emulator; bodies and answers are JSON."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[web.RouteDef]:
        """Everything it serves."""
        actions: Mapping[str, Action] = {
            "accounts": self._open_account,
            "faults": self._set_faults,
            "pin": self._pin,
            "market": self._market,
            "hand/open": self._hand_open,
            "hand/close": self._hand_close,
            "hand/modify": self._hand_modify,
            "terminal": self._terminal,
            "trading": self._trading,
            "equity": self._equity,
            "drop": self._drop,
        }
        posts = [web.post(f"/emulator/{path}", _posting(act)) for path, act in actions.items()]
        return [
            *posts,
            web.get("/emulator/faults", self._faults),
            web.delete("/emulator/faults", self._no_faults),
            web.get("/emulator/ledger", self._ledger),
            web.get("/emulator/drawn", self._drawn),
        ]

    async def _open_account(self, body: Body) -> object:
        """`id`, `kind`, and optionally `balance`, `credit`, `leverage`, `has_costs`,
        `is_investor` and `settings` of the provisioning."""
        terms = Terms(
            kind=AccountKind(body.get("kind", AccountKind.MT5_HEDGING)),
            balance=_decimal(body.get("balance", 10_000)),
            credit=_decimal(body.get("credit", 0)),
            leverage=int(body.get("leverage", 100)),
            has_costs=bool(body.get("has_costs", True)),
            is_investor=bool(body.get("is_investor", False)),
        )
        account = self._emulator.open_account(body["id"], terms, **body.get("settings", {}))
        return {"id": account.id}

    async def _set_faults(self, body: Body) -> object:
        """Some fields of `Faults`; the others stay as they are."""
        self._emulator.faults = self._emulator.faults.changed(body)
        return self._emulator.faults.to_json()

    async def _faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._emulator.faults.to_json())

    async def _no_faults(self, _: web.Request) -> web.Response:
        self._emulator.faults = Faults()
        return web.json_response(self._emulator.faults.to_json())

    async def _pin(self, body: Body) -> object:
        """`symbol`, `bid` (null = let it swing again) and optionally `ask`."""
        symbol, bid, ask = body["symbol"], body["bid"], body.get("ask")
        if symbol not in SIMULATED_SYMBOLS:
            raise ValueError(f"Expected one of {', '.join(SIMULATED_SYMBOLS)}, was {symbol!r}")
        await self._emulator.pin(symbol, _optional(bid), _optional(ask))
        return self._emulator.market.price(symbol)

    async def _market(self, body: Body) -> object:
        """`closed`: whether the market takes no orders and shows no quotes."""
        self._emulator.market.is_closed = bool(body["closed"])
        return {}

    async def _hand_open(self, body: Body) -> object:
        """`account`, `symbol`, `side`, `lots` and optionally `stop` and `take`."""
        levels = _optional(body.get("stop")), _optional(body.get("take"))
        ticket = hand_ticket(body["symbol"], int(body["side"]), _decimal(body["lots"]), *levels)
        return {"position": self._emulator.open_by_hand(self._account(body), ticket)}

    async def _hand_close(self, body: Body) -> object:
        """`account`, `position` and, for a part, `lots`."""
        account, lots = self._account(body), _optional(body.get("lots"))
        return {"position": self._emulator.close_by_hand(account, str(body["position"]), lots)}

    async def _hand_modify(self, body: Body) -> object:
        """`account`, `position`, `stop` and `take`, null for no level."""
        levels = _optional(body.get("stop")), _optional(body.get("take"))
        position = str(body["position"])
        return {"position": self._emulator.modify_by_hand(self._account(body), position, *levels)}

    async def _terminal(self, body: Body) -> object:
        """`account` and `away`: whether the terminal has lost its broker."""
        self._emulator.set_away(self._account(body), is_away=bool(body["away"]))
        return {}

    async def _trading(self, body: Body) -> object:
        """`account` and `allowed`: whether the broker lets it trade."""
        self._account(body).may_trade = bool(body["allowed"])
        return {}

    async def _equity(self, body: Body) -> object:
        """`account` and `equity`: a withdrawal that leaves so much, with what it stops out."""
        self._emulator.lose_money(self._account(body), _decimal(body["equity"]))
        return {}

    async def _drop(self, body: Body) -> object:
        """Close the sockets of `account`, or all; nobody gets in again for `storm` seconds."""
        storm = float(body.get("storm", 0))
        await self._emulator.sockets.drop(str(body.get("account", "")), storm)
        return {}

    async def _ledger(self, _: web.Request) -> web.Response:
        return web.json_response(self._emulator.ledger.to_json())

    async def _drawn(self, _: web.Request) -> web.Response:
        """How often each fault was drawn so far."""
        return web.json_response(dict(+self._emulator.chance.drawn))

    def _account(self, body: Body) -> Account:
        return self._emulator.accounts[str(body["account"])]


def _posting(action: Action) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(await action(await body_of(request)))
        except Refused as e:
            raise failure(400, str(e), details=e.code.name) from e
        except (KeyError, TypeError, ValueError) as e:
            raise failure(400, f"{type(e).__name__}: {e}", details=[]) from e

    return handler


def _optional(value: object) -> Decimal | None:
    return None if value is None else _decimal(value)


def _decimal(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as e:
        raise ValueError(f"Expected a number, was {value!r}") from e
