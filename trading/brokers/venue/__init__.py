"""A simulated broker in a process of its own, with faults on demand, and the adapter to it.

Crash drills trade against it: it executes by the rules of `engine.book`, keeps a ledger of what
really happened, and loses, delays and garbles its answers as a `Faults` says.
"""

from trading.brokers.venue.admin import VenueAdmin
from trading.brokers.venue.client import VenueBroker
from trading.brokers.venue.faults import DRILL, Faults
from trading.brokers.venue.feeds import VenueStream

__all__ = ["DRILL", "Faults", "VenueAdmin", "VenueBroker", "VenueStream"]
