"""What staff ask of MetaApi: a question goes to the queue, an event says what became of it.

A worker that asks MetaApi sends no orders meanwhile, so nothing is waited for here: the gateway
looks at accounts that are starting or stopping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django_q.tasks import async_task

from trading.models import Account, Connection, Severity
from trading.services.connections import (
    ConnectionFailed,
    account_deploy,
    account_undeploy,
    accounts_sync,
    connection_test,
)
from trading.services.events import Happening, event_append

SYNC_TASK: Final = "trading.tasks.sync_connection"
TEST_TASK: Final = "trading.tasks.test_connection"
DEPLOY_TASK: Final = "trading.tasks.deploy_account"
UNDEPLOY_TASK: Final = "trading.tasks.undeploy_account"


@transaction.atomic
def connection_sync_ask(*, connection: Connection, actor: AbstractBaseUser) -> None:
    """Have the accounts of a connection synced; an event `connection.synced` or
    `connection.failed` follows."""
    _ask(SYNC_TASK, connection.pk)
    words = f"{connection.name}: sync asked for by {actor.get_username()}"
    _tell("connection.asked", words, payload=_of(connection, actor))


@transaction.atomic
def connection_test_ask(*, connection: Connection, actor: AbstractBaseUser) -> None:
    """Have a connection tried out; `connection.tested` or `connection.failed` follows."""
    _ask(TEST_TASK, connection.pk)
    words = f"{connection.name}: test asked for by {actor.get_username()}"
    _tell("connection.asked", words, payload=_of(connection, actor))


@transaction.atomic
def account_deploy_ask(*, account: Account, actor: AbstractBaseUser) -> None:
    """Have the account's terminal started; `account.deployed` or `account.failed` follows."""
    _ask(DEPLOY_TASK, account.pk)
    words = f"{account}: deploy asked for by {actor.get_username()}"
    _tell("account.asked", words, account=account, payload={"actor": actor.get_username()})


@transaction.atomic
def account_undeploy_ask(*, account: Account, actor: AbstractBaseUser) -> None:
    """Have the account's terminal stopped, which is refused while anything is open;
    `account.undeployed` or `account.failed` follows."""
    _ask(UNDEPLOY_TASK, account.pk)
    words = f"{account}: undeploy asked for by {actor.get_username()}"
    _tell("account.asked", words, account=account, payload={"actor": actor.get_username()})


def connection_sync_run(*, connection_id: int) -> None:
    """The worker's part of `connection_sync_ask`; safe to repeat."""
    connection = _connection(connection_id)
    try:
        report = accounts_sync(connection=connection)
    except ConnectionFailed as e:
        _connection_failed(connection, e)
        return
    payload = {**report.to_json(), "connection": connection.pk}
    severity = Severity.WARNING if report.problems or report.gone else Severity.INFO
    _tell("connection.synced", str(report), severity, payload=payload)


def connection_test_run(*, connection_id: int) -> None:
    """The worker's part of `connection_test_ask`; safe to repeat."""
    connection = _connection(connection_id)
    try:
        said = connection_test(connection=connection)
    except ConnectionFailed as e:
        _connection_failed(connection, e)
        return
    _tell("connection.tested", said, payload={"connection": connection.pk})


def account_deploy_run(*, account_id: int) -> None:
    """The worker's part of `account_deploy_ask`; safe to repeat."""
    account = Account.objects.get(pk=account_id)
    try:
        row = account_deploy(account=account, longest=0)
    except ConnectionFailed as e:
        _account_failed(account, e)
        return
    _tell("account.deployed", f"{row}: MetaApi was told to run it", account=row)


def account_undeploy_run(*, account_id: int) -> None:
    """The worker's part of `account_undeploy_ask`; safe to repeat."""
    account = Account.objects.get(pk=account_id)
    try:
        row = account_undeploy(account=account, longest=0)
    except ConnectionFailed as e:
        _account_failed(account, e)
        return
    words = f"{row}: MetaApi was told to stop it"
    _tell("account.undeployed", words, Severity.WARNING, account=row)


def _connection(connection_id: int) -> Connection:
    return Connection.objects.defer("token").get(pk=connection_id)


def _ask(task: str, pk: int) -> None:
    async_task(task, pk, save=False)


def _of(connection: Connection, actor: AbstractBaseUser) -> Mapping[str, object]:
    return {"connection": connection.pk, "actor": actor.get_username()}


def _connection_failed(connection: Connection, error: ConnectionFailed) -> None:
    payload = {"connection": connection.pk, "code": error.code, "cure": error.cure}
    _tell("connection.failed", str(error), Severity.ERROR, payload=payload)


def _account_failed(account: Account, error: ConnectionFailed) -> None:
    payload = {"code": error.code, "cure": error.cure}
    _tell("account.failed", str(error), Severity.ERROR, account, payload)


def _tell(
    kind: str,
    message: str,
    severity: Severity = Severity.INFO,
    account: Account | None = None,
    payload: Mapping[str, object] | None = None,
) -> None:
    event_append(
        happening=Happening(
            kind=kind, message=message, severity=severity, account=account, payload=payload or {}
        )
    )
