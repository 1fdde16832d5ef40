"""Broker adapters by kind: kind -> (label, dotted path), imported on first use."""

from typing import Final

BROKERS: Final[dict[str, tuple[str, str]]] = {
    "metaapi": (
        "MetaTrader 4/5 through MetaApi",
        "trading.brokers.metaapi.broker.MetaApiBroker",
    ),
    "paper": ("Paper account on the simulated market", "trading.brokers.paper.PaperBroker"),
    "venue": ("Fault-injecting venue, for drills", "trading.brokers.venue.client.VenueBroker"),
}
