"""What a lease allows at a moment, without touching it."""

from __future__ import annotations

from django.conf import settings

from trading.models import Lease
from trading.selectors.clock import Moment, seconds_since


def lease_standing(lease: Lease, now: Moment) -> tuple[str, str] | None:
    """Why no entry may be sent under this lease, as code and message; None = it may.

    Codes: NO_GATEWAY, BUILD_FENCED, NOT_RECONCILED, STATUS_STALE.
    """
    timing, left = settings.TIMING, lease.expires_tick - now.tick
    if not lease.owner or lease.boot != now.boot:
        return "NO_GATEWAY", "Expected a gateway that runs the account, was none"
    if left < timing.call_deadline:
        needed = f"Expected a lease for {timing.call_deadline:g} s more"
        return "NO_GATEWAY", f"{needed}, was {left:.1f} s of {lease.owner}"
    if lease.min_build > settings.BUILD:
        return "BUILD_FENCED", build_fenced(lease)
    if lease.state != Lease.State.READY:
        return "NOT_RECONCILED", f"Expected a reconciled account, was {lease.state}"
    age = seconds_since(lease.seen_tick, lease.boot, now)
    if abs(age) > timing.status_age:  # a database's clock that was set back makes no age credible
        found = f"{age:.1f} s ago" if lease.seen_tick else "never"
        return "STATUS_STALE", f"Expected a reading within {timing.status_age:g} s, was {found}"
    return None


def build_fenced(lease: Lease) -> str:
    """What is said to a build that the lease is closed to."""
    return f"Expected build {lease.min_build} or newer, was {settings.BUILD}"
