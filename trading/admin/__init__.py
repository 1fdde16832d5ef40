"""The admin, one module per concept; importing it registers every page."""

from trading.admin import (
    accounts,
    connections,
    events,
    leases,
    limits,
    losses,
    markets,
    news,
    orders,
    positions,
    protections,
    queue,
    risk,
    runs,
    strategies,
    users,
)

__all__ = [
    "accounts",
    "connections",
    "events",
    "leases",
    "limits",
    "losses",
    "markets",
    "news",
    "orders",
    "positions",
    "protections",
    "queue",
    "risk",
    "runs",
    "strategies",
    "users",
]
