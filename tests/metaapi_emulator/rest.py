"""REST: client API, market data and the hashing lists, with errors in MetaApi's shape."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tests.metaapi_emulator.accounts import Account
from tests.metaapi_emulator.codes import Malformed
from tests.metaapi_emulator.emulator import Emulator, Reply
from tests.metaapi_emulator.reads import (
    PAGE,
    READS,
    Absent,
    Read,
    symbol_of,
    time_of,
    timeframe_of,
    whole_of,
)

ACCOUNT: Final = "/users/current/accounts/{id}"
HISTORICAL: Final = f"{ACCOUNT}/historical-market-data/symbols/{{symbol}}"
LONGEST_HOLD: Final = 600
NAMES: Final = {
    400: "ValidationError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    429: "TooManyRequestsError",
    500: "InternalError",
    504: "TimeoutError",
}
ROUTES: Final = (
    ("account-information", "getAccountInformation"),
    ("positions", "getPositions"),
    ("positions/{positionId}", "getPosition"),
    ("orders", "getOrders"),
    ("orders/{orderId}", "getOrder"),
    ("history-orders/ticket/{ticket}", "getHistoryOrdersByTicket"),
    ("history-orders/position/{positionId}", "getHistoryOrdersByPosition"),
    ("history-orders/time/{startTime}/{endTime}", "getHistoryOrdersByTimeRange"),
    ("history-deals/ticket/{ticket}", "getDealsByTicket"),
    ("history-deals/position/{positionId}", "getDealsByPosition"),
    ("history-deals/time/{startTime}/{endTime}", "getDealsByTimeRange"),
    ("symbols", "getSymbols"),
    ("symbols/{symbol}/specification", "getSymbolSpecification"),
    ("symbols/{symbol}/current-price", "getSymbolPrice"),
    ("symbols/{symbol}/current-candles/{timeframe}", "getCandle"),
    ("symbols/{symbol}/current-tick", "getTick"),
    ("symbols/{symbol}/current-book", "getBook"),
    ("server-time", "getServerTime"),
)
BUCKETS: Final = (("1s", 2000), ("60s", 18_000), ("1h", 180_000), ("6h", 432_000))


def failure(status: int, message: str, **more: Any) -> web.HTTPException:
    """An error to be raised, as MetaApi writes it."""
    body = {"id": 1, "error": NAMES[status], "message": message, **more}
    kinds: dict[int, type[web.HTTPException]] = {
        400: web.HTTPBadRequest,
        401: web.HTTPUnauthorized,
        403: web.HTTPForbidden,
        404: web.HTTPNotFound,
        429: web.HTTPTooManyRequests,
        500: web.HTTPInternalServerError,
        504: web.HTTPGatewayTimeout,
    }
    return kinds[status](text=json.dumps(body), content_type="application/json")


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object a request carries; answers 400 for anything else."""
    try:
        body = await request.json()
    except ValueError as e:
        raise failure(400, "Expected a JSON object", details=[]) from e
    if not isinstance(body, dict):
        raise failure(400, "Expected a JSON object", details=[])
    return body


def guard(emulator: Emulator) -> Middleware:
    """The middleware that asks for the token and lets the faults act."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(("/emulator/", "/ws")):
            return await handler(request)
        if request.headers.get("auth-token") != emulator.token:
            raise failure(401, "Authorization token is invalid")
        name = _operation(request)
        refusal = emulator.is_refused(name)
        if refusal == "too_many":
            raise failure(429, "Too many requests", metadata=emulator.too_many())
        if refusal:
            raise failure(500, "Internal error")
        await emulator.be_slow(name)
        try:
            return await handler(request)
        except Malformed as e:
            raise failure(400, str(e), details=e.details) from e
        except Absent as e:
            raise failure(404, str(e)) from e

    return guarded


class Rest:
    """The endpoints about one account."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[web.RouteDef]:
        """Everything it serves."""
        reads = [web.get(f"{ACCOUNT}/{path}", self._reading(READS[kind])) for path, kind in ROUTES]
        margin = self._reading(READS["calculateMargin"])
        return [
            *reads,
            web.post(f"{ACCOUNT}/trade", self._trade),
            web.post(f"{ACCOUNT}/calculate-margin", margin),
            web.get(f"{ACCOUNT}/credits", self._credits),
            web.get(f"{HISTORICAL}/timeframes/{{timeframe}}/candles", self._candles),
            web.get(f"{HISTORICAL}/ticks", self._ticks),
            web.get("/hashing-ignored-field-lists", self._hashing),
        ]

    def account(self, request: web.Request) -> Account:
        """The account of the path, deployed and connected; answers 404 or 504 otherwise."""
        name = request.match_info["id"]
        account = self._emulator.accounts.get(name)
        if account is None or not self._emulator.provisioned[name].is_deployed:
            raise failure(404, "Trading account not found or not deployed")
        if account.is_away:
            raise failure(504, "It seems like the account is not connected to broker yet")
        return account

    def _reading(self, read: Read) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            account = self.account(request)
            sent = await body_of(request) if request.method == "POST" else {}
            return web.json_response(read.answer(account.shown, {**asked_of(request), **sent}))

        return handler

    async def _trade(self, request: web.Request) -> web.StreamResponse:
        account = self.account(request)
        reply = await self._emulator.trade(account, await body_of(request))
        if reply.response is None:
            return await self._stay_silent(request, reply)
        await asyncio.sleep(reply.delay)
        response = web.json_response(reply.response)
        with suppress(ConnectionResetError):  # the asker has gone
            await response.prepare(request)
            await response.write_eof()
            reply.received.answered = True
        return response

    async def _stay_silent(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        """A lost reply ends the connection; what was never or not yet done leaves it open."""
        is_executed = bool(reply.received.outcome) and reply.received.outcome != "LOST"
        for _ in range(0 if is_executed else LONGEST_HOLD * 10):
            if request.transport is None or request.transport.is_closing():
                break
            await asyncio.sleep(0.1)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _credits(self, request: web.Request) -> web.StreamResponse:
        self.account(request)
        rows = [{"period": p, "total": total, "available": total} for p, total in BUCKETS]
        return web.json_response({"perUser": rows, "perServer": rows, "perAccount": rows})

    async def _candles(self, request: web.Request) -> web.StreamResponse:
        account, asked = self.account(request), asked_of(request)
        symbol, timeframe = symbol_of(asked), timeframe_of(account, asked)
        limit = whole_of(asked, "limit", PAGE, 1, PAGE)
        until = time_of(asked, "startTime") if "startTime" in asked else account.market.now()
        return web.json_response(account.market.candles(symbol, timeframe, until, limit))

    async def _ticks(self, request: web.Request) -> web.StreamResponse:
        account, asked = self.account(request), asked_of(request)
        return web.json_response([account.market.tick(symbol_of(asked))])

    async def _hashing(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(hashing_lists())


def asked_of(request: web.Request) -> dict[str, Any]:
    """The parameters of the path and of the query."""
    return {**request.query, **request.match_info}


def hashing_lists() -> dict[str, dict[str, list[str]]]:
    """The fields the SDK leaves out of its hashes."""
    order = [
        "comment",
        "brokerComment",
        "originalComment",
        "clientId",
        "currentPrice",
        "accountCurrencyExchangeRate",
        "updateSequenceNumber",
    ]
    profits = ["profit", "realizedProfit", "unrealizedProfit", "currentTickValue"]
    lists = {"specification": ["pipSize"], "position": order + profits, "order": order}
    return {"g1": {name: [*names, "time"] for name, names in lists.items()}, "g2": lists}


def _operation(request: web.Request) -> str:
    """How a fault names it: the part of the path behind the account, or behind the symbol."""
    parts = request.path.split("/")[5:]
    if parts[:1] == ["symbols"] and len(parts) > 2:
        return parts[2]
    return "candles" if "historical-market-data" in parts else "".join(parts[:1])
