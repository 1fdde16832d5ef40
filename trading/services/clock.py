"""The clock of the leases, where services look for it; it is a reading, so it lives there."""

from trading.selectors.clock import (
    DATABASE_BOOT,
    Moment,
    boot_id,
    clock_read,
    seconds_since,
    uptime,
)

__all__ = ["DATABASE_BOOT", "Moment", "boot_id", "clock_read", "seconds_since", "uptime"]
