"""The admin, one module per concept; importing it registers every page."""

from trading.admin import accounts, events, markets, orders, queue, risk, strategies, users

__all__ = ["accounts", "events", "markets", "orders", "queue", "risk", "strategies", "users"]
