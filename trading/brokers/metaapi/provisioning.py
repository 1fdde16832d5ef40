"""MetaApi's accounts themselves: listing, creating, starting and stopping them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic, sleep
from typing import Any, Final
from urllib.parse import quote

from trading.brokers.base import BrokerError, Unavailable
from trading.brokers.metaapi.asking import Asker, Failed, retry_after
from trading.brokers.metaapi.budget import Budget
from trading.brokers.metaapi.hosts import Hosts
from trading.brokers.metaapi.payload import Fields, PayloadError, items_of, parse
from trading.brokers.metaapi.transport import HTTP, Answer, Call, Http, Token

PAGE: Final = 100
MOST_PAGES: Final = 100
MOST_SUGGESTED: Final = 5
_IN_PROGRESS: Final = 202
_CURES: Final[Mapping[str, tuple[str, str]]] = {
    "E_SRV_NOT_FOUND": (
        "MetaApi knows no trading server of that name",
        "Copy the server's name exactly as the terminal shows it, or add the broker by its name "
        "as a keyword or by a provisioning profile.",
    ),
    "E_AUTH": (
        "The broker refused the login",
        "Check login, password and server in a terminal first; repeated failures cost money.",
    ),
    "E_SERVER_TIMEZONE": (
        "MetaApi could not find out the broker's time zone and settings",
        "Try again in some minutes, best while the market is open, or use a provisioning profile.",
    ),
}
_FAILED_STATES: Final = frozenset(
    {"DEPLOY_FAILED", "UNDEPLOY_FAILED", "REDEPLOY_FAILED", "DELETE_FAILED"}
)


class ProvisioningError(BrokerError):
    """An account could not be made or started. `code` is MetaApi's, `cure` what to do about it."""

    def __init__(self, message: str, code: str = "", cure: str = "") -> None:
        super().__init__(f"{message}. {cure}" if cure else message, code)
        self.cure = cure


@dataclass(frozen=True, slots=True)
class ManagedAccount:
    """An account as MetaApi manages it."""

    id: str
    name: str
    login: str
    server: str
    platform: str
    """"mt4" or "mt5", empty where it does not say."""
    region: str
    state: str
    """DEPLOYED, UNDEPLOYED, DRAFT and so on."""
    connection: str
    """CONNECTED, DISCONNECTED or DISCONNECTED_FROM_BROKER."""


class Provisioning:
    """MetaApi's accounts of one token. Readings raise Unavailable, the rest ProvisioningError."""

    def __init__(
        self,
        token: str,
        hosts: Hosts = Hosts(),  # noqa: B008 - frozen
        *,
        http: Http = HTTP,
        deadline: float = 30.0,
        wait: Callable[[float], None] = sleep,
    ) -> None:
        self._base = f"{hosts.provisioning}/users/current/accounts"
        self._asker = Asker(Token(token), http, Budget())
        self._deadline = deadline
        self._wait = wait

    def __repr__(self) -> str:
        return f"Provisioning({self._base!r})"

    def accounts(self) -> Sequence[ManagedAccount]:
        """Every account of the token."""
        found: list[Any] = []
        for _ in range(MOST_PAGES):
            page = self._page(len(found))
            found += page
            if len(page) < PAGE:
                return [_made(payload) for payload in found]
        raise Unavailable(f"Expected at most {MOST_PAGES * PAGE} accounts")

    def account(self, account_id: str) -> ManagedAccount:
        """One account."""
        return _made(self._get(self._url(account_id)))

    def create_account(
        self,
        terms: Mapping[str, Any],
        progress: Callable[[str], None] = lambda state: None,
        longest: float = 600.0,
    ) -> str:
        """Add an account {login, password, name, server, platform, magic, ...}; its id.

        MetaApi may take minutes to find the broker out and then wants the same request again
        under the same transaction id; nothing else is asked twice. `progress` hears CREATING.
        """
        ends = monotonic() + longest
        transaction = {"transaction-id": token_hex(16)}
        body = json.dumps(dict(terms), allow_nan=False).encode()
        password = str(terms.get("password", ""))
        while True:
            answer = self._post(self._base, body, transaction, password)
            if answer.status != _IN_PROGRESS:
                return _created(answer)
            pause = _pause_of(answer)
            if monotonic() + pause > ends:
                raise ProvisioningError(
                    f"Expected the account within {longest:.0f} s, was still being created",
                    "TIMEOUT",
                )
            progress("CREATING")
            self._wait(pause)

    def deploy(self, account_id: str) -> None:
        """Start the account's terminal; harmless to repeat."""
        self._post(f"{self._url(account_id)}/deploy")

    def undeploy(self, account_id: str) -> None:
        """Stop the account's terminal; harmless to repeat."""
        self._post(f"{self._url(account_id)}/undeploy")

    def wait_for(
        self,
        account_id: str,
        is_reached: Callable[[ManagedAccount], bool],
        progress: Callable[[ManagedAccount], None] = lambda account: None,
        longest: float = 300.0,
        every: float = 2.0,
    ) -> ManagedAccount:
        """The account once `is_reached` says so; `progress` hears of every reading."""
        ends = monotonic() + longest
        while True:
            account = self.account(account_id)
            progress(account)
            if is_reached(account):
                return account
            if account.state in _FAILED_STATES:
                cure = "Look at the account's page at MetaApi, then deploy it again."
                raise ProvisioningError(f"The account is {account.state}", account.state, cure)
            if monotonic() + every > ends:
                was = f"{account.state}, {account.connection}"
                raise ProvisioningError(f"Not ready within {longest:.0f} s, was {was}", "TIMEOUT")
            self._wait(every)

    def _page(self, offset: int) -> Sequence[Any]:
        payload = self._get(self._base, {"offset": str(offset), "limit": str(PAGE)})
        if isinstance(payload, Mapping):  # the newer form, with a count
            payload = payload.get("items")
        try:
            return items_of("accounts", payload)
        except PayloadError as e:
            raise Unavailable(str(e), "PAYLOAD") from e

    def _get(self, url: str, params: Mapping[str, str] | None = None) -> Any:
        ends = monotonic() + self._deadline
        call = Call("GET", url, self._asker.token, params or {})
        try:
            return self._asker.ask(call, ends)
        except Failed as e:
            if not e.is_passing:
                raise
        return self._asker.ask(call, ends)

    def _post(
        self,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        password: str = "",
    ) -> Answer:
        call = Call("POST", url, self._asker.token, body=body, headers=headers or {})
        try:
            return self._asker.answer(call, monotonic() + self._deadline)
        except Failed as e:
            raise _explained(e, password) from None

    def _url(self, account_id: str) -> str:
        return f"{self._base}/{quote(account_id, safe='')}"


def is_ready(account: ManagedAccount) -> bool:
    """Whether an account is started and its terminal connected to the broker."""
    return (account.state, account.connection) == ("DEPLOYED", "CONNECTED")


def is_stopped(account: ManagedAccount) -> bool:
    """Whether an account is stopped."""
    return account.state == "UNDEPLOYED"


def _made(payload: Any) -> ManagedAccount:
    try:
        fields = Fields("account", payload)
        return ManagedAccount(
            id=fields.ident("_id", "") or fields.ident("id"),
            name=fields.text("name", ""),
            login=fields.ident("login", ""),
            server=fields.text("server", ""),
            platform=fields.text("platform", ""),
            region=fields.text("region", ""),
            state=fields.text("state"),
            connection=fields.text("connectionStatus", ""),
        )
    except PayloadError as e:
        raise Unavailable(str(e), "PAYLOAD") from e


def _created(answer: Answer) -> str:
    try:
        return Fields("created account", parse(answer.body)).ident("id")
    except PayloadError as e:
        raise ProvisioningError(str(e), "PAYLOAD", "Look whether it is in the list.") from e


def _pause_of(answer: Answer) -> float:
    asked = retry_after(answer) or ""
    return min(float(asked), 60.0) if asked.isdecimal() else 5.0


def _servers_of(details: Mapping[str, Any]) -> str:
    """The first servers with similar names that MetaApi suggests, with their brokers."""
    brokers = details.get("serversByBrokers")
    if not isinstance(brokers, Mapping):
        return ""
    lists = ((broker, names) for broker, names in brokers.items() if isinstance(names, list))
    near = [f"{name} ({broker})" for broker, names in lists for name in names]
    return ", ".join(near[:MOST_SUGGESTED])[:300]


def _explained(failure: Failed, password: str) -> ProvisioningError:
    """The failure in words of what to do. It is not chained: what caused it holds the request."""
    details = failure.details if isinstance(failure.details, Mapping) else {}
    named = details.get("code", failure.details)
    code = named if isinstance(named, str) else failure.code
    if code in _CURES:
        sentence, cure = _CURES[code]
        near = _servers_of(details)
        return ProvisioningError(sentence, code, f"It knows {near}. {cure}" if near else cure)
    message = str(failure)
    return ProvisioningError(message.replace(password, "(password)") if password else message, code)
