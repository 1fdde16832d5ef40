"""The provisioning side of an account: its states and its dto."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

from tests.metaapi_emulator.accounts import AccountKind
from tests.metaapi_emulator.formats import iso
from tests.metaapi_emulator.market import Market

REGIONS: Final = ("london", "new-york")
NETTING_SERVER: Final = "Netting-Demo"
"""An account created there nets its positions."""
SLOW_SERVER: Final = "Slow-Server"
"""An account there is created only at the second request of the same transaction."""
REFUSING_SERVERS: Final[Mapping[str, str]] = {
    "No-Such-Server": "E_SRV_NOT_FOUND",
    "Wrong-Password": "E_AUTH",
    "Odd-Timezone": "E_SERVER_TIMEZONE",
}
"""Servers where no account can be created, and why."""
WORKING: Final = {"DEPLOYED": "DEPLOYING", "UNDEPLOYED": "UNDEPLOYING"}


@dataclass(slots=True)
class Provisioned:
    """What the cloud knows of an account; `lag` is how many seconds a change of state takes."""

    id: str
    kind: AccountKind
    market: Market
    name: str = "emulated"
    login: str = "50194988"
    server: str = "Emulator-Demo"
    region: str = "new-york"
    reliability: str = "regular"
    magic: int = 0
    manual_trades: bool = True
    quote_interval: float = 2.5
    state: str = "DEPLOYED"
    """The state it has, or comes to after `lag`; CREATED until it is first deployed."""
    lag: float = 0.0
    created: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    since: float = field(default_factory=lambda: monotonic() - 3600)

    def deploy(self) -> None:
        """Start the terminal."""
        self._become("DEPLOYED")

    def undeploy(self) -> None:
        """Stop the terminal."""
        self._become("UNDEPLOYED")

    @property
    def shown_state(self) -> str:
        """The state as it is now."""
        is_there = monotonic() - self.since >= self.lag
        return self.state if is_there else WORKING.get(self.state, self.state)

    @property
    def is_deployed(self) -> bool:
        return self.shown_state == "DEPLOYED"

    def change(self, values: Mapping[str, Any]) -> None:
        """Take an update of the account's settings over."""
        names = {
            "name": "name",
            "server": "server",
            "magic": "magic",
            "manualTrades": "manual_trades",
            "quoteStreamingIntervalInSeconds": "quote_interval",
        }
        for key, name in names.items():
            if key in values:
                setattr(self, name, values[key])

    def to_json(self, *, is_away: bool) -> dict[str, Any]:
        """The account's dto. Away means that the terminal runs but has lost its broker."""
        status = "DISCONNECTED_FROM_BROKER" if is_away else "CONNECTED"
        is_mt4 = self.kind is AccountKind.MT4
        return {
            "_id": self.id,
            "state": self.shown_state,
            "connectionStatus": status if self.is_deployed else "DISCONNECTED",
            "name": self.name,
            "login": self.login,
            "server": self.server,
            "region": self.region,
            "type": "cloud-g2",
            "version": 4 if is_mt4 else 5,
            "platform": "mt4" if is_mt4 else "mt5",
            "reliability": self.reliability,
            "magic": self.magic,
            "manualTrades": self.manual_trades,
            "quoteStreamingIntervalInSeconds": self.quote_interval,
            "slippage": 30,
            "hash": 1,
            "baseCurrency": "USD",
            "tags": [],
            "metadata": {},
            "resourceSlots": 1,
            "copyFactoryResourceSlots": 1,
            "copyFactoryRoles": [],
            "riskManagementApiEnabled": False,
            "metastatsApiEnabled": False,
            "connections": [],
            "primaryReplica": True,
            "accountReplicas": [],
            "userId": "user",
            "createdAt": iso(self.created),
        }

    def _become(self, state: str) -> None:
        if self.state != state:
            self.state, self.since = state, monotonic()


def kind_of(request: Mapping[str, Any]) -> AccountKind:
    """The kind of account a request for creation means."""
    if request.get("platform") == "mt4":
        return AccountKind.MT4
    is_netting = request.get("server") == NETTING_SERVER
    return AccountKind.MT5_NETTING if is_netting else AccountKind.MT5_HEDGING
