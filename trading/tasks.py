"""Entry points of the queue: ids in, a service called, nothing else."""

from trading.services.runs import run_execute


def run_strategy(run_id: int) -> None:
    """Answer one bar for one deployment."""
    run_execute(run_id=run_id)
