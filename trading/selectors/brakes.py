"""What may hold a deployment back, in one statement: what it is exactly, is asked then."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Exists

from trading.models import Deployment, KillSwitch, Lock


class Brakes(NamedTuple):
    """State and hours are the deployment's; switches and locks are of whatever they stop."""

    state: str
    hours: str
    is_switched: bool
    """Whether any kill switch is pulled."""
    is_locked: bool
    """Whether any lock on entries has not ended."""


def brakes_of(*, deployment_id: int) -> Brakes:
    """As it is now."""
    pulled = KillSwitch.objects.filter(rearmed_at__isnull=True).order_by()
    locked = Lock.objects.filter(ended_at__isnull=True).order_by()
    rows = Deployment.objects.filter(pk=deployment_id).order_by()
    return Brakes(*rows.values_list("state", "hours", Exists(pulled), Exists(locked)).get())
