"""The gateway's side of an account at the emulator, through the real SDK."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from time import sleep

from tests.metaapi_emulator.running import EmulatorSite
from tests.metaapi_emulator.sdk import wait_for
from trading.brokers.base import EntryRequest, Receipt
from trading.brokers.metaapi import Hosts, MetaApiBroker, MetaApiClient, Money
from trading.brokers.metaapi.budget import Budget
from trading.brokers.metaapi.gateway import MetaApiGatewayBroker, MetaApiStream
from trading.brokers.metaapi.stream import Hub, HubOptions, LinkState
from trading.engine.types import Fill, Quote

LIVE, DEGRADED = LinkState.LIVE, LinkState.DEGRADED


def options_of(site: EmulatorSite) -> HubOptions:
    return HubOptions("tests", Hosts(base_url=site.url), request_seconds=3, retries=0)


@contextmanager
def hub_at(site: EmulatorSite) -> Iterator[Hub]:
    """A hub for as long as the block lasts."""
    hub = Hub(site.token, options_of(site))
    try:
        yield hub
    finally:
        hub.stop()


def client_of(site: EmulatorSite, account: str) -> MetaApiClient:
    return MetaApiClient(site.token, account, Hosts(base_url=site.url), budget=Budget())


@dataclass
class Desk:
    """An account's link with a stream of EURUSD, its two brokers, and the quotes heard."""

    site: EmulatorSite
    hub: Hub
    account: str
    quotes: list[Quote] = field(default_factory=list)

    def __post_init__(self) -> None:
        client = client_of(self.site, self.account)
        self.rest = MetaApiBroker(client, Money("USD"))
        self.link = self.hub.link(self.account)
        self.stream = MetaApiStream(self.link, client)
        self.broker = MetaApiGatewayBroker(self.link, self.rest)

    def begin(self) -> None:
        self.stream.start(["EURUSD"], self.quotes.append)
        self.wait(LIVE)

    def wait(self, state: LinkState, seconds: float = 15) -> None:
        wait_for(lambda: self.link.state is state, seconds=seconds)

    def drop(self) -> None:
        """Lose the socket and get it back."""
        self.site.ask("drop")
        self.wait(LinkState.DOWN)
        self.wait(LIVE)

    def hand(self, side: int = 1) -> str:
        """A person opens a position."""
        body = {"account": self.account, "symbol": "EURUSD", "side": side, "lots": "0.1"}
        return str(self.site.ask("hand/open", **body)["position"])

    def fills(self, count: int) -> list[Fill]:
        """So many fills that the stream tells of, and no more."""
        fills: list[Fill] = []

        def enough() -> bool:
            fills.extend(self.broker.feed([]))
            return len(fills) >= count

        wait_for(enough, seconds=5)
        sleep(0.2)
        return [*fills, *self.broker.feed([])]

    def held(self) -> list[str]:
        return [position.id for position in self.broker.account().positions]


class Settled(MetaApiGatewayBroker):
    """Lets the stream hear of each trade before it goes on; it does so a moment later."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.link, desk.rest)
        self._desk = desk

    def submit(self, request: EntryRequest) -> Receipt:
        receipt = super().submit(request)
        self.settle()
        return receipt

    def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
        receipt = super().close(position_id, lots)
        self.settle()
        return receipt

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        super().modify(position_id, stop, take)
        self.settle()

    def settle(self) -> None:
        wait_for(lambda: self.account() == self._desk.rest.account())
