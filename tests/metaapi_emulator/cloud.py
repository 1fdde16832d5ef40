"""REST: provisioning of accounts, regions and servers."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

from aiohttp import web

from tests.metaapi_emulator.accounts import Terms
from tests.metaapi_emulator.emulator import Emulator
from tests.metaapi_emulator.provisioning import (
    REFUSING_SERVERS,
    REGIONS,
    SLOW_SERVER,
    Provisioned,
    kind_of,
)
from tests.metaapi_emulator.reads import PAGE, whole_of
from tests.metaapi_emulator.rest import asked_of, body_of, failure

ACCOUNTS: Final = "/users/current/accounts"
NEEDED: Final = ("name", "login", "password", "server", "magic")


class Cloud:
    """The endpoints that create, list and start accounts."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._numbers = count(1)
        self._transactions: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        """Everything it serves."""
        one = f"{ACCOUNTS}/{{id}}"
        return [
            web.get(ACCOUNTS, self._list),
            web.post(ACCOUNTS, self._create),
            web.get(one, self._get),
            web.put(one, self._change),
            web.delete(one, self._remove),
            web.post(f"{one}/{{action:deploy|undeploy|redeploy}}", self._act),
            web.get("/users/current/regions", self._regions),
            web.get("/users/current/servers/mt-client-api", self._servers),
            web.get("/known-mt-servers/{version}/search", self._known_servers),
        ]

    async def _list(self, request: web.Request) -> web.StreamResponse:
        """A bare list, or with `api-version: 2` a count and the items."""
        asked, states = asked_of(request), request.query.getall("state", [])
        offset = whole_of(asked, "offset", 0, 0, 10**9)
        limit = whole_of(asked, "limit", PAGE, 1, PAGE)
        everything = [self._dto(p) for p in self._emulator.provisioned.values()]
        text = str(asked.get("query", "")).lower()
        found = [
            dto
            for dto in everything
            if text in f"{dto['_id']} {dto['name']} {dto['login']} {dto['server']}".lower()
            and (not states or dto["state"] in states)
        ]
        page = found[offset : offset + limit]
        if request.headers.get("api-version") == "2":
            return web.json_response({"count": len(found), "items": page})
        return web.json_response(page)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body, transaction = await body_of(request), request.headers.get("transaction-id")
        missing = [name for name in NEEDED if name not in body]
        if missing or not transaction:
            names = missing or ["transaction-id"]
            details = [{"parameter": name, "message": "Required value."} for name in names]
            raise failure(400, "Validation failed", details=details)
        server = str(body["server"])
        if server in REFUSING_SERVERS:
            raise failure(400, "Cannot use this server", details=REFUSING_SERVERS[server])
        if server == SLOW_SERVER and transaction not in self._transactions:
            self._transactions.add(transaction)
            waiting = {"message": "Automatic broker settings detection is in progress"}
            return web.json_response(waiting, status=202, headers={"Retry-After": "1"})
        created = self._created(body)
        answer = {"id": created.id, "state": created.shown_state}
        return web.json_response(answer, status=201)

    def _created(self, body: dict[str, Any]) -> Provisioned:
        name = f"created-{next(self._numbers)}"
        self._emulator.open_account(
            name,
            Terms(kind=kind_of(body)),
            name=str(body["name"]),
            login=str(body["login"]),
            server=str(body["server"]),
            region=str(body.get("region", REGIONS[-1])),
            reliability=str(body.get("reliability", "high")),
            magic=int(body["magic"]),
            manual_trades=bool(body.get("manualTrades", False)),
            quote_interval=float(body.get("quoteStreamingIntervalInSeconds", 2.5)),
        )
        return self._emulator.provisioned[name]

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._dto(self._found(request)))

    async def _change(self, request: web.Request) -> web.StreamResponse:
        self._found(request).change(await body_of(request))
        return web.Response(status=204)

    async def _remove(self, request: web.Request) -> web.StreamResponse:
        found = self._found(request)
        del self._emulator.provisioned[found.id], self._emulator.accounts[found.id]
        return web.Response(status=204)

    async def _act(self, request: web.Request) -> web.StreamResponse:
        found, action = self._found(request), request.match_info["action"]
        if action == "undeploy":
            found.undeploy()
            await self._emulator.sockets.forget(found.id)
        else:
            found.deploy()
        return web.Response(status=204)

    async def _regions(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(list(REGIONS))

    async def _servers(self, request: web.Request) -> web.StreamResponse:
        url = f"http://{request.host}"
        settings = {"url": url, "hostname": "mt-client-api-v1", "domain": request.host}
        return web.json_response(settings)

    async def _known_servers(self, request: web.Request) -> web.StreamResponse:
        text = request.query.get("query", "").lower()
        servers = [p.server for p in self._emulator.provisioned.values()]
        found = sorted({server for server in servers if text in server.lower()})
        return web.json_response({"Emulator Ltd": found} if found else {})

    def _found(self, request: web.Request) -> Provisioned:
        found = self._emulator.provisioned.get(request.match_info["id"])
        if found is None:
            raise failure(404, "Trading account not found")
        return found

    def _dto(self, provisioned: Provisioned) -> dict[str, Any]:
        account = self._emulator.accounts[provisioned.id]
        return provisioned.to_json(is_away=account.is_away)
