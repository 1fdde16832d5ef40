"""An account at the emulator: its row, its client over real HTTP, and one that is meddled with."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.factories import make_account, make_connection
from tests.metaapi_emulator.running import EmulatorSite
from trading.brokers.metaapi import Hosts, MetaApiClient
from trading.brokers.metaapi.budget import Allowance, Budget
from trading.models import Account


def account_at(site: EmulatorSite, **settings: Any) -> Account:
    """The row of a fresh account of the emulator."""
    remote = site.open_account(**{"has_costs": False, **settings})
    return make_account(
        kind="metaapi",
        connection=make_connection(token=site.token),
        external_id=remote,
        source=f"metaapi-{remote}",
        platform="mt5",
    )


def client_at(site: EmulatorSite, account: Account) -> MetaApiClient:
    """Asks the emulator, without having to wait for a turn."""
    budget = Budget(Allowance(rate=1000.0, burst=1000.0, reserve=10.0))
    return MetaApiClient(site.token, account.external_id, Hosts(base_url=site.url), budget=budget)


class Meddled:
    """A client whose answers pass `change(method, arguments, answer)` on their way."""

    def __init__(
        self, client: MetaApiClient, change: Callable[[str, Sequence[Any], Any], Any]
    ) -> None:
        self._client = client
        self._change = change
        self.asked: list[tuple[str, Sequence[Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*arguments: Any) -> Any:
            self.asked.append((name, arguments))
            return self._change(name, arguments, getattr(self._client, name)(*arguments))

        return ask
