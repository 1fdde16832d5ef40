"""Where MetaApi answers: one host for provisioning, and two in the region of each account."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from ipaddress import ip_address
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from trading.brokers.metaapi.payload import Fields, PayloadError
from trading.engine.types import EngineError

_REGION: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?")
_HOST: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The base URLs. `base_url` replaces all of them by one server on this machine: an emulator.

    EngineError for a domain that is none, and for a base URL of any other machine: the token
    would be sent there.
    """

    provisioning_domain: str = "agiliumtrade.agiliumtrade.ai"
    domain: str = "agiliumtrade.ai"
    base_url: str = ""

    def __post_init__(self) -> None:
        for domain in (self.provisioning_domain, self.domain):
            if not _HOST.fullmatch(domain):
                raise EngineError(f"Expected a domain, was {domain!r}")
        if self.base_url and not is_loopback(self.base_url):
            raise EngineError(
                "Expected a base URL of this machine such as http://127.0.0.1:8765, "
                f"was {self.base_url!r}"
            )

    @property
    def provisioning(self) -> str:
        """Accounts and their states."""
        return self._url(f"mt-provisioning-api-v1.{self.provisioning_domain}")

    def client(self, region: str) -> str:
        """Trades and readings of an account in this region."""
        return self._url(f"mt-client-api-v1.{region}.{self.domain}")

    def market_data(self, region: str) -> str:
        """Candles."""
        return self._url(f"mt-market-data-client-api-v1.{region}.{self.domain}")

    def _url(self, host: str) -> str:
        return self.base_url.rstrip("/") or f"https://{host}"


def is_loopback(url: str) -> bool:
    """Whether a URL is nothing but scheme, host and port of this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    is_bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not is_bare:
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def region_of(payload: Any) -> str:
    """The region in an account's provisioning payload; it becomes part of a host name, so that
    anything but a plain word is a PayloadError."""
    region = Fields("account", payload).text("region")
    if not _REGION.fullmatch(region):
        raise PayloadError(f"account: expected 'region' to be a plain word, was {region!r:.80}")
    return region


class Cached:
    """Values that are asked for rarely: each is kept for `ttl` seconds in this process."""

    def __init__(self, ttl: float, clock: Callable[[], float] = monotonic) -> None:
        self._ttl = ttl
        self._clock = clock
        self._known: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, ask: Callable[[], Any]) -> Any:
        """The value of a key, asked for when it is not known or too old."""
        known = self._known.get(key)
        if known is None or known[0] <= self._clock():
            value = ask()
            known = self._known[key] = (self._clock() + self._ttl, value)
        return known[1]

    def forget(self, key: Hashable) -> None:
        """Ask again at the next use."""
        self._known.pop(key, None)


REGIONS: Final = Cached(ttl=600.0)
"""Region by base URLs and account: it changes only when somebody moves the account."""
