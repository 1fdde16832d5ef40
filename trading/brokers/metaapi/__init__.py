"""MetaTrader 4 and 5 accounts at MetaApi, over REST.

`mapping`, `specification`, `bodies` and `codes` are pure: payloads and codes <-> values of the
engine. `rest` and `provisioning` ask, over `asking`, `transport`, `budget` and `hosts`. `account`
and `broker` are the port. The SDK is not imported here: streams are the gateway's.
"""

from trading.brokers.metaapi.account import Money
from trading.brokers.metaapi.broker import MetaApiBroker
from trading.brokers.metaapi.hosts import Hosts
from trading.brokers.metaapi.provisioning import ManagedAccount, Provisioning, ProvisioningError
from trading.brokers.metaapi.rest import MetaApiClient

__all__ = [
    "Hosts",
    "ManagedAccount",
    "MetaApiBroker",
    "MetaApiClient",
    "Money",
    "Provisioning",
    "ProvisioningError",
]
