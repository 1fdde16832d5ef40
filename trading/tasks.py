"""Entry points of the queue: ids in, a service called, nothing else."""

from trading.services.runs import run_execute
from trading.services.sending import order_dispatch


def run_strategy(run_id: int) -> None:
    """Answer one bar for one deployment."""
    run_execute(run_id=run_id)


def send_order(order_id: int) -> None:
    """Send an order that waits approved."""
    order_dispatch(order_id=order_id)
