"""What a drill has a process of its own do where no management command exists."""

from __future__ import annotations

from trading.models import Deployment
from trading.services.strategies import deployment_pause, deployment_resume


def deployment_turn(number: str) -> None:
    """Pause a running deployment, resume a paused one."""
    deployment = Deployment.objects.get(pk=int(number))
    is_running = deployment.state == Deployment.State.RUNNING
    turn = deployment_pause if is_running else deployment_resume
    turn(deployment=deployment, actor=None)
