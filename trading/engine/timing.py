"""How long the parts of order execution may take, and how they hang together."""

from __future__ import annotations

from dataclasses import dataclass, fields

from trading.engine.types import EngineError


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. The defaults are for brokers on the internet; drills use shorter ones."""

    call_deadline: float = 20.0
    """A call that sends an order is over after this, one way or the other."""
    lease_ttl: float = 45.0
    """A lease nobody renews holds this long; after that and `call_deadline` it may be taken."""
    lease_renew: float = 10.0
    """Time between two renewals."""
    status_age: float = 5.0
    """An account whose broker was read longer ago is DEGRADED: no entries."""
    horizon: float = 180.0
    """An order that no complete reading shows for this long was not executed."""
    reread: float = 15.0
    """Least time between the two readings that prove an absence."""
    verify_first: float = 5.0
    verify_last: float = 60.0
    """A rejection is believed after two readings, this long after the sending, that show nothing;
    until then its key is locked for entries."""
    reconcile: float = 30.0
    """Time between two reconciliations of an account in which nothing is in doubt."""
    reconcile_doubt: float = 2.0
    """The same while something is."""
    signal: float = 300.0
    """The longest that a signal is good for; one of a shorter bar is good for that bar."""
    protect: float = 5.0
    """No position may be without a stop for longer."""
    deals_overlap: float = 600.0
    """Deals are read again from this long (broker's clock) before the last reading."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if not value > 0:
                raise EngineError(f"Expected {f.name} above 0 s, was {value}")
        if self.lease_ttl < self.lease_renew + self.call_deadline:
            raise EngineError(
                f"Expected lease_ttl of at least lease_renew + call_deadline, was {self.lease_ttl}"
            )
        if self.horizon < 3 * self.call_deadline:
            raise EngineError(f"Expected horizon of at least 3 x call_deadline, was {self.horizon}")
