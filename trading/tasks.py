"""Entry points of the queue: ids in, a service called, nothing else."""

from trading.services.backfills import backfill_work
from trading.services.remote_jobs import (
    account_deploy_run,
    account_undeploy_run,
    connection_sync_run,
    connection_test_run,
)
from trading.services.runs import runs_execute
from trading.services.sending import order_dispatch
from trading.services.specifications import specifications_work


def run_strategy(*run_ids: int) -> None:
    """Answer one bar for one or several deployments."""
    runs_execute(run_ids=run_ids)


def send_order(order_id: int) -> None:
    """Send an order that waits approved."""
    order_dispatch(order_id=order_id)


def sync_connection(connection_id: int) -> None:
    """Bring the accounts of a connection up to date."""
    connection_sync_run(connection_id=connection_id)


def test_connection(connection_id: int) -> None:
    """Try a connection out."""
    connection_test_run(connection_id=connection_id)


def deploy_account(account_id: int) -> None:
    """Have the account's terminal started."""
    account_deploy_run(account_id=account_id)


def undeploy_account(account_id: int) -> None:
    """Have the account's terminal stopped."""
    account_undeploy_run(account_id=account_id)


def sync_specifications(account_id: int) -> None:
    """Read what the broker says of the symbols that deployments trade."""
    specifications_work(account_id=account_id)


def run_backfill(backfill_id: int) -> None:
    """Fill a series for a while; what is left becomes the next task."""
    backfill_work(backfill_id=backfill_id)


def answer_canary() -> str:
    """Prove to the doctor that a worker takes tasks."""
    return "alive"
