"""Accounts at MetaApi: found, added, started and stopped. Everything here asks over the network.

The token is in a header only, a password is passed on and forgotten; no error shows either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any, Final

from trading.brokers.base import BrokerError, Unavailable
from trading.brokers.metaapi import ManagedAccount, Provisioning, ProvisioningError
from trading.brokers.metaapi.asking import Failed
from trading.brokers.metaapi.information import AccountFacts, facts_of
from trading.brokers.metaapi.payload import PayloadError
from trading.brokers.metaapi.provisioning import is_ready, is_stopped
from trading.engine.types import EngineError
from trading.models import Account, Connection, Position, Severity
from trading.services.accounts import account_wait
from trading.services.brokers import metaapi_client, metaapi_provisioning
from trading.services.events import Happening, event_append
from trading.services.remote import DEPLOYED, GONE, Sight, account_gone, account_record

READING_SECONDS: Final = 45.0
"""For the account information of all accounts of a connection together."""
CREATING_SECONDS: Final = 600.0
WAITING_SECONDS: Final = 300.0
STARTABLE: Final = frozenset({"CREATED", "UNDEPLOYED", "UNDEPLOYING", "DEPLOY_FAILED"})
_REFUSED: Final = frozenset({401, 403})
Say = Callable[[str], None]


class ConnectionFailed(Exception):
    """MetaApi was not reached or refused. `code` is its own, `cure` says what to do."""

    def __init__(self, message: str, code: str = "", cure: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.cure = cure


@dataclass(slots=True)
class SyncReport:
    """Names of accounts by what became of their rows, and what could not be read."""

    connection: str
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The report as it is printed and kept in events."""
        return asdict(self)

    def __str__(self) -> str:
        counts = ("created", "updated", "unchanged", "gone")
        words = ", ".join(f"{len(getattr(self, name))} {name}" for name in counts)
        return f"{self.connection}: {words}" + "".join(f"; {text}" for text in self.problems)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A login at a broker that MetaApi shall run a terminal for."""

    login: str
    server: str
    password: str = field(repr=False)
    platform: str
    """mt4 or mt5."""
    name: str

    def terms(self) -> dict[str, Any]:
        """What MetaApi is asked for. Every order carries its own magic number, which it allows
        only where manual trades are allowed; then the account's own has to be 0."""
        return {
            "login": self.login,
            "password": self.password,
            "name": self.name,
            "server": self.server,
            "platform": self.platform,
            "type": "cloud-g2",
            "magic": 0,
            "manualTrades": True,
            "quoteStreamingIntervalInSeconds": 0,
        }


def accounts_sync(*, connection: Connection) -> SyncReport:
    """Bring the rows of a connection's accounts up to date: new ones are made, halted until the
    gateway has reconciled them; vanished ones are marked and halted, never deleted.

    Raises ConnectionFailed, then nothing has changed.
    """
    with _explained(connection):
        found = metaapi_provisioning(connection=connection).accounts()
    report = SyncReport(connection.name)
    ends = monotonic() + READING_SECONDS
    for managed in found:
        sight = Sight(managed, _facts(connection, managed, report, ends))
        row, what = account_record(connection=connection, sight=sight)
        getattr(report, what or "unchanged").append(row.name)
    for row in _missing(connection, found):
        if account_gone(account=row, why=f"{connection.name} no longer lists it"):
            report.gone.append(row.name)
    return report


def connection_test(*, connection: Connection) -> str:
    """What the token reaches, in a line for people; raises ConnectionFailed."""
    with _explained(connection):
        found = metaapi_provisioning(connection=connection).accounts()
    ready = sum(is_ready(managed) for managed in found)
    return f"{connection.name}: {len(found)} accounts, {ready} of them connected to their broker"


def account_add(
    *, connection: Connection, terms: NewAccount, say: Say = lambda line: None
) -> Account:
    """Let MetaApi run a login, and make its row. `say` hears of progress.

    Raises ConnectionFailed with what to do, also where MetaApi runs that login already: a second
    terminal would cost money and trade the same account.
    """
    with _explained(connection):
        provisioning = metaapi_provisioning(connection=connection)
        _expect_new(provisioning, terms)
        created = provisioning.create_account(terms.terms(), say, CREATING_SECONDS)
        managed = provisioning.account(created)
    row, _ = account_record(connection=connection, sight=Sight(managed))
    return row


def account_deploy(
    *, account: Account, say: Say = lambda line: None, longest: float = WAITING_SECONDS
) -> Account:
    """Start the account's terminal and wait until it has reached the broker.

    `say` hears every state; with `longest` 0 nothing is waited for. Raises ConnectionFailed.
    """
    connection = _connection(account)
    with _explained(connection):
        provisioning = metaapi_provisioning(connection=connection)
        provisioning.deploy(account.external_id)
        seen = _followed(provisioning, account, is_ready, _spoken(say), longest)
    return _recorded(connection, seen)


def account_undeploy(
    *,
    account: Account,
    is_forced: bool = False,
    say: Say = lambda line: None,
    longest: float = WAITING_SECONDS,
) -> Account:
    """Stop the account's terminal and wait until it has stopped; then nothing watches the account.

    Refused, unless forced, while anything is open or pending, or while that cannot be known.
    Raises ConnectionFailed.
    """
    connection = _connection(account)
    with _explained(connection):
        provisioning = metaapi_provisioning(connection=connection)
        if not is_forced:
            _expect_flat(provisioning, account)
        provisioning.undeploy(account.external_id)
        seen = _followed(provisioning, account, is_stopped, _spoken(say), longest)
    row = _recorded(connection, seen)
    account_wait(account=row, reason="MetaApi: it is not deployed")
    return row


def account_bring_up(*, account: Account) -> bool:
    """Look an account up and record what is seen; one that was never seen before is started.

    True once it runs and is known in full. Raises ConnectionFailed; what fails is for the next
    time.
    """
    connection = _connection(account)
    with _explained(connection):
        provisioning = metaapi_provisioning(connection=connection)
        managed = provisioning.account(account.external_id)
        if not account.remote_state and managed.state in STARTABLE:
            provisioning.deploy(managed.id)
            _tell_deploying(account)
            managed = provisioning.account(managed.id)
    report = SyncReport(connection.name)
    facts = _facts(connection, managed, report, monotonic() + READING_SECONDS)
    row, _ = account_record(connection=connection, sight=Sight(managed, facts))
    if managed.state != DEPLOYED:
        account_wait(account=row, reason=f"MetaApi: it is {managed.state}")
    return facts is not None


@contextmanager
def _explained(connection: Connection) -> Iterator[None]:
    """Failures in words of what to do. They are not chained: a cause may hold a request."""
    name = connection.name
    try:
        yield
    except ProvisioningError as e:
        status = _status_of(e.code)
        raise (
            _refused(name, status)
            if status in _REFUSED
            else ConnectionFailed(f"{name}: {e}", e.code, e.cure)
        ) from None
    except Failed as e:
        if e.status in _REFUSED:
            raise _refused(name, e.status) from None
        raise ConnectionFailed(f"{name}: MetaApi: {e}", e.code) from None
    except (BrokerError, EngineError) as e:
        raise ConnectionFailed(f"{name}: {e}", getattr(e, "code", "")) from None


def _refused(name: str, status: int) -> ConnectionFailed:
    cure = "Make a new token at MetaApi and store it in the connection"
    return ConnectionFailed(
        f"{name}: MetaApi refused the token (HTTP {status}). {cure}", f"HTTP_{status}", cure
    )


def _status_of(code: str) -> int:
    number = code.removeprefix("HTTP_")
    return int(number) if number.isdecimal() else 0


def _facts(
    connection: Connection, managed: ManagedAccount, report: SyncReport, ends: float
) -> AccountFacts | None:
    """The account's own word, where its terminal is connected and answers."""
    if not is_ready(managed):
        return None
    if monotonic() > ends:
        report.problems.append(f"{managed.name}: not read within {READING_SECONDS:.0f} s")
        return None
    asked = Account(name=managed.name, external_id=managed.id, connection_id=connection.pk)
    try:
        return facts_of(metaapi_client(account=asked).account_information())
    except (Unavailable, PayloadError) as e:
        report.problems.append(f"{managed.name}: {e}")
        return None


def _missing(connection: Connection, found: Any) -> list[Account]:
    rows = Account.objects.filter(kind="metaapi", connection_id=connection.pk)
    return list(rows.exclude(external_id__in=[m.id for m in found]).exclude(remote_state=GONE))


def _expect_new(provisioning: Provisioning, terms: NewAccount) -> None:
    for managed in provisioning.accounts():
        if (managed.login, managed.server.lower()) == (terms.login, terms.server.lower()):
            cure = "Sync the accounts of the connection, then deploy it"
            raise ProvisioningError(f"MetaApi runs that login already: {managed.name}", "", cure)


def _expect_flat(provisioning: Provisioning, account: Account) -> None:
    """By our record and, where its terminal runs, by the broker's word."""
    open_now = Position.objects.filter(account=account, closed_at__isnull=True).count()
    if open_now:
        raise _busy(f"was {open_now} open positions")
    managed = provisioning.account(account.external_id)
    if managed.state != DEPLOYED:
        return
    client = metaapi_client(account=account)
    try:
        positions, orders = len(client.positions()), len(client.orders())
    except Unavailable as e:
        raise _busy(f"was not to be known: {e}") from None
    if positions or orders:
        raise _busy(f"was {positions} positions and {orders} pending orders at the broker")


def _busy(was: str) -> ProvisioningError:
    cure = "Close them first: without its terminal nobody looks after them"
    return ProvisioningError(f"Expected nothing open, {was}", "POSITIONS_OPEN", cure)


def _followed(
    provisioning: Provisioning,
    account: Account,
    is_reached: Callable[[ManagedAccount], bool],
    progress: Callable[[ManagedAccount], None],
    longest: float,
) -> ManagedAccount:
    if longest <= 0:
        return provisioning.account(account.external_id)
    return provisioning.wait_for(account.external_id, is_reached, progress, longest)


def _spoken(say: Say) -> Callable[[ManagedAccount], None]:
    """Every state once, not at every look."""
    said: list[str] = []

    def progress(managed: ManagedAccount) -> None:
        line = f"{managed.state}, {managed.connection}"
        if said[-1:] != [line]:
            said.append(line)
            say(line)

    return progress


def _recorded(connection: Connection, managed: ManagedAccount) -> Account:
    report = SyncReport(connection.name)
    facts = _facts(connection, managed, report, monotonic() + READING_SECONDS)
    row, _ = account_record(connection=connection, sight=Sight(managed, facts))
    return row


def _connection(account: Account) -> Connection:
    """The account's connection without its token; ConnectionFailed when there is none."""
    if account.kind != "metaapi" or account.connection_id is None:
        raise ConnectionFailed(f"{account}: expected a MetaApi account with a connection")
    return Connection.objects.defer("token").get(pk=account.connection_id)


def _tell_deploying(account: Account) -> None:
    event_append(
        happening=Happening(
            kind="account.deploying",
            message=f"{account}: being deployed at MetaApi",
            severity=Severity.INFO,
            account=account,
        )
    )
