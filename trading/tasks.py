"""Entry points of the queue: ids in, a service called, nothing else."""

from trading.services.runs import runs_execute
from trading.services.sending import order_dispatch


def run_strategy(*run_ids: int) -> None:
    """Answer one bar for one or several deployments."""
    runs_execute(run_ids=run_ids)


def send_order(order_id: int) -> None:
    """Send an order that waits approved."""
    order_dispatch(order_id=order_id)
