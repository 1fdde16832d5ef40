"""MetaApi as a script: answers by path, and a note of every request."""

import json
from collections import defaultdict, deque
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx

from tests.brokers.metaapi import payloads
from trading.brokers.metaapi import Hosts, MetaApiBroker, MetaApiClient, Money
from trading.brokers.metaapi.budget import Allowance, Budget
from trading.brokers.metaapi.rest import Limits
from trading.brokers.metaapi.transport import Http

TOKEN = "head.secret-body.tail"
NUMBERS = count(1)
Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def said(payload: Any, status: int = 200, **headers: str) -> httpx.Response:
    """An answer with this JSON."""
    return httpx.Response(status, json=payload, headers=headers)


class Script:
    """Answers each request by the end of its path: queued replies first, then the standing one."""

    def __init__(self) -> None:
        self.account_id = f"account-{next(NUMBERS)}"
        self.requests: list[httpx.Request] = []
        self.queued: defaultdict[str, deque[Reply]] = defaultdict(deque)
        self.standing: dict[str, Any] = {
            self.account_id: {"_id": self.account_id, "region": "vint-hill", "state": "DEPLOYED"},
            "account-information": payloads.information(),
            "positions": [],
            "orders": [],
            "server-time": {"time": payloads.TIME},
            "specification": payloads.specification(),
            "trade": payloads.done(),
            "deals": [],
        }
        self.http = Http(lambda: httpx.MockTransport(self))
        self.budget = Budget(Allowance(rate=1000.0, burst=1000.0))

    def client(self, **limits: float) -> MetaApiClient:
        return MetaApiClient(
            TOKEN,
            self.account_id,
            Hosts(),
            http=self.http,
            budget=self.budget,
            limits=Limits(**limits),
        )

    def broker(self) -> MetaApiBroker:
        return MetaApiBroker(self.client(), Money("USD", 30))

    def then(self, name: str, *replies: Reply) -> None:
        """The next answers of this name."""
        self.queued[name].extend(replies)

    def asked(self, name: str) -> list[httpx.Request]:
        """The requests of this name."""
        return [request for request in self.requests if _name(request) == name]

    def bodies(self) -> list[dict[str, Any]]:
        """What was sent to be traded."""
        return [json.loads(request.content) for request in self.asked("trade")]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        name = _name(request)
        if not self.queued[name]:
            return said(self.standing[name])
        reply = self.queued[name].popleft()
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else reply(request)


def _name(request: httpx.Request) -> str:
    path = request.url.path
    return "deals" if "/history-deals/" in path else path.rpartition("/")[2]
