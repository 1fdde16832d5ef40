"""MetaApi's REST interface to one account, for processes that come and go.

Readings may be asked a second time; whatever is sent with POST is sent once, ever. The token is in
a header and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any, Final, TypeVar
from urllib.parse import quote

from trading.brokers.base import NotSent, Unavailable, UnknownOutcome
from trading.brokers.metaapi.asking import NOT_FOUND, Asker, Failed, error_of
from trading.brokers.metaapi.bodies import Body, iso
from trading.brokers.metaapi.budget import Budget, budget_for
from trading.brokers.metaapi.codes import Outcome, code_of, outcome_of, port_code
from trading.brokers.metaapi.hosts import REGIONS, Hosts, region_of
from trading.brokers.metaapi.mapping import candle_time
from trading.brokers.metaapi.payload import Fields, PayloadError, items_of, parse
from trading.brokers.metaapi.transport import (
    HTTP,
    Answer,
    Call,
    Http,
    NoAnswer,
    NotConnected,
    Token,
)
from trading.crashpoints import crash_point
from trading.engine.types import EngineError

T = TypeVar("T")
PAGE: Final = 1000
"""Rows of history in one answer, at most."""
MOST_PAGES: Final = 1000
TIMEFRAMES: Final[Mapping[str, str]] = {
    "M1": "1m",
    "M5": "5m",
    "M15": "15m",
    "M30": "30m",
    "H1": "1h",
    "H4": "4h",
    "D1": "1d",
}
"""MetaApi's name of each timeframe."""
_NOT_SENT: Final = frozenset({400, 401, 403, 404, 429})
"""HTTP answers to a trade that MetaApi gives before it turns to the broker."""
_INSTANT: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: a trade is over after `trade`, waiting for its turn for `queue` at most; a reading
    after `read`."""

    trade: float = 20.0
    queue: float = 5.0
    read: float = 10.0


@dataclass(frozen=True, slots=True)
class TradeAnswer:
    """A clean answer to a trade. Ids are empty where it names none."""

    outcome: Outcome
    number: int | None
    code: str
    """As the other brokers call it."""
    message: str
    order_id: str
    position_id: str


class MetaApiClient:
    """Everything that can be asked of one account. What it returns is JSON unless it says more.

    Readings raise Unavailable. One client may be shared by threads and used on after a fork.
    """

    def __init__(
        self,
        token: str,
        account_id: str,
        hosts: Hosts = Hosts(),  # noqa: B008 - frozen
        *,
        http: Http = HTTP,
        budget: Budget | None = None,
        limits: Limits = Limits(),
    ) -> None:
        self.account_id = account_id
        self.limits = limits
        self._hosts = hosts
        self._asker = Asker(Token(token), http, budget or budget_for(account_id))

    def __repr__(self) -> str:
        return f"MetaApiClient({self.account_id!r})"

    # --- trades

    def trade(self, body: Body, ends: float | None = None) -> TradeAnswer:
        """Send a trade once, over at `ends` of the monotonic clock (default: after the limit).

        Raises NotSent where it is proved that the broker never saw it, and UnknownOutcome for
        everything that is not a clean answer.
        """
        if ends is None:
            ends = monotonic() + self.limits.trade
        content = json.dumps(body, allow_nan=False).encode()
        try:
            url = f"{self._client_url(ends)}/trade"
        except Unavailable as e:
            raise NotSent(f"{self.account_id}: {e}", e.code) from e
        self._asker.budget.trade(min(self.limits.queue, max(0.0, ends - monotonic())))
        call = Call("POST", url, self._asker.token, body=content, written=_written)
        try:
            answer = self._asker.http.exchange(call, ends)
        except NotConnected as e:
            self._forget_region()
            raise NotSent(f"{self.account_id}: {e}", "NOT_CONNECTED") from e
        except NoAnswer as e:
            raise UnknownOutcome(f"{self.account_id}: {e}") from e
        return self._traded(answer)

    def margin(self, body: Body) -> Decimal:
        """Margin in account currency of an order {symbol, type, volume, openPrice}."""
        ends = self._read_ends()
        content = json.dumps(body, allow_nan=False).encode()
        url = f"{self._client_url(ends)}/calculate-margin"
        call = Call("POST", url, self._asker.token, body=content)
        payload = self._asker.ask(call, ends)
        return self._made(lambda: Fields("margin", payload).number("margin"))

    # --- the account now

    def account_information(self) -> Any:
        """Balance, equity and margin."""
        return self._read("/account-information")

    def positions(self, *, is_urgent: bool = False) -> Sequence[Any]:
        """Open positions."""
        return self._list("/positions", is_urgent=is_urgent)

    def orders(self, *, is_urgent: bool = False) -> Sequence[Any]:
        """Pending orders."""
        return self._list("/orders", is_urgent=is_urgent)

    def server_time(self) -> datetime:
        """The server's clock, UTC."""
        payload = self._read("/server-time")
        return self._made(lambda: Fields("server time", payload).moment("time"))

    # --- its history

    def history_orders(self, start: datetime, end: datetime) -> Sequence[Any]:
        """Orders completed in [start, end), all pages."""
        return self._pages(f"/history-orders/time/{iso(start)}/{iso(end)}")

    def deals(self, start: datetime, end: datetime) -> Sequence[Any]:
        """Deals of [start, end), all pages."""
        return self._pages(f"/history-deals/time/{iso(start)}/{iso(end)}")

    def deals_of_position(self, position_id: str, longest: float | None = None) -> Sequence[Any]:
        """All deals of a position, within `longest` seconds."""
        return self._list(f"/history-deals/position/{_quoted(position_id)}", longest=longest)

    # --- symbols and prices

    def symbols(self) -> Sequence[str]:
        """Names of what can be traded."""
        return [str(name) for name in self._list("/symbols")]

    def specification(self, symbol: str, *, is_urgent: bool = False) -> Any:
        """What the broker says of a symbol."""
        return self._read(f"/symbols/{_quoted(symbol)}/specification", is_urgent=is_urgent)

    def price(self, symbol: str) -> Any:
        """The current price of a symbol."""
        return self._read(f"/symbols/{_quoted(symbol)}/current-price")

    def candles(
        self, symbol: str, timeframe: str, start: datetime, limit: int = PAGE
    ) -> Sequence[Any]:
        """Up to `limit` candles that opened at or before `start`, oldest first.

        `timeframe` is MetaTrader's name (M1 to D1). History is read backwards, page by page.
        """
        if timeframe not in TIMEFRAMES:
            expected = ", ".join(TIMEFRAMES)
            raise EngineError(f"Expected a timeframe of {expected}, was {timeframe!r}")
        path = (
            f"/historical-market-data/symbols/{_quoted(symbol)}"
            f"/timeframes/{TIMEFRAMES[timeframe]}/candles"
        )
        found: list[Any] = []
        while len(found) < limit:
            params = {"startTime": iso(start), "limit": str(min(PAGE, limit - len(found)))}
            page = self._list(path, params, is_market_data=True)
            if not page:
                break
            first = self._opened(page[0])
            if first > start:  # the server ignored where to start: no more pages
                break
            found[:0] = page
            start = first - _INSTANT
        return found[-limit:]

    # --- how it is asked

    def _traded(self, answer: Answer) -> TradeAnswer:
        if answer.status in _NOT_SENT:
            return self._refused(answer)
        if answer.status != 200:
            status = f"HTTP {answer.status}"
            raise UnknownOutcome(f"{self.account_id}: {status}", status.replace(" ", "_"))
        try:
            return _trade_answer(parse(answer.body))
        except PayloadError as e:
            raise UnknownOutcome(f"{self.account_id}: {e}", "PAYLOAD") from e

    def _refused(self, answer: Answer) -> TradeAnswer:
        """An answer that MetaApi gave itself, unless it carries the code of a trade."""
        failure = self._asker.failure(answer)
        if answer.status == NOT_FOUND:
            self._forget_region()
        try:
            found = _trade_answer(error_of(answer))
        except PayloadError as e:
            raise UnknownOutcome(f"{self.account_id}: {failure}: {e}", "PAYLOAD") from e
        if not found.code:
            raise NotSent(f"{self.account_id}: {failure}", failure.code)
        if found.outcome in (Outcome.EXECUTED, Outcome.ACCEPTED):
            raise UnknownOutcome(f"{self.account_id}: {failure}, {found.code}", found.code)
        return found

    def _pages(self, path: str) -> Sequence[Any]:
        found: list[Any] = []
        for _ in range(MOST_PAGES):
            page = self._list(path, {"offset": str(len(found)), "limit": str(PAGE)})
            found += page
            if len(page) < PAGE:
                return found
        raise Unavailable(f"{self.account_id}: expected at most {MOST_PAGES} pages of history")

    def _list(
        self, path: str, params: Mapping[str, str] | None = None, **how: Any
    ) -> Sequence[Any]:
        payload = self._read(path, params, **how)
        return self._made(lambda: items_of(path, payload))

    def _read(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        is_urgent: bool = False,
        is_market_data: bool = False,
        longest: float | None = None,
    ) -> Any:
        """Ask, and once more where the server stumbled or the account has moved."""
        ends = self._read_ends(longest)
        region = self._region(ends)
        for is_last in (False, True):
            host = self._hosts.market_data if is_market_data else self._hosts.client
            url = f"{host(region)}/users/current/accounts/{_quoted(self.account_id)}{path}"
            call = Call("GET", url, self._asker.token, params or {})
            try:
                return self._asker.ask(call, ends, is_urgent)
            except Failed as e:
                region, is_elsewhere = self._moved(e, region, ends)
                if is_last or not (is_elsewhere or e.is_passing):
                    raise Failed(f"{self.account_id}: {e}", e.code, status=e.status) from e
        raise AssertionError("unreachable")

    def _moved(self, failure: Failed, region: str, ends: float) -> tuple[str, bool]:
        """The account's region after a failure that may come from asking in another one."""
        if failure.status not in (0, NOT_FOUND):
            return region, False
        self._forget_region()
        try:
            now = self._region(ends)
        except Unavailable:
            return region, False
        return now, now != region

    def _client_url(self, ends: float) -> str:
        base = self._hosts.client(self._region(ends))
        return f"{base}/users/current/accounts/{_quoted(self.account_id)}"

    def _region(self, ends: float) -> str:
        return str(REGIONS.get(self._region_key, lambda: self._ask_region(ends)))

    def _ask_region(self, ends: float) -> str:
        url = f"{self._hosts.provisioning}/users/current/accounts/{_quoted(self.account_id)}"
        payload = self._asker.ask(Call("GET", url, self._asker.token), ends, is_urgent=True)
        return self._made(lambda: region_of(payload))

    def _forget_region(self) -> None:
        REGIONS.forget(self._region_key)

    @property
    def _region_key(self) -> tuple[str, str]:
        return self._hosts.provisioning, self.account_id

    def _read_ends(self, longest: float | None = None) -> float:
        return monotonic() + (self.limits.read if longest is None else longest)

    def _opened(self, candle: Any) -> datetime:
        return self._made(lambda: candle_time(candle))

    def _made(self, make: Callable[[], T]) -> T:
        try:
            return make()
        except PayloadError as e:
            raise Unavailable(f"{self.account_id}: {e}", "PAYLOAD") from e


def _trade_answer(payload: Any) -> TradeAnswer:
    fields = Fields("trade answer", payload)
    number = None if fields.raw("numericCode") is None else fields.integer("numericCode")
    name = fields.text("stringCode", "") or None
    return TradeAnswer(
        outcome=outcome_of(number, name),
        number=code_of(number, name),
        code=port_code(number, name),
        message=fields.text("message", "")[:300],
        order_id=fields.ident("orderId", ""),
        position_id=fields.ident("positionId", ""),
    )


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _written() -> None:
    crash_point("c4-after-write")
