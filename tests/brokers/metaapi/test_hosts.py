"""Where requests go, and where a token is never sent."""

import pytest

from tests.brokers.metaapi.test_budget import Clock
from trading.brokers.metaapi.hosts import Cached, Hosts, region_of
from trading.brokers.metaapi.payload import PayloadError
from trading.engine.types import EngineError


def test_the_hosts_of_a_region() -> None:
    hosts = Hosts()
    assert hosts.provisioning == "https://mt-provisioning-api-v1.agiliumtrade.agiliumtrade.ai"
    assert hosts.client("london") == "https://mt-client-api-v1.london.agiliumtrade.ai"
    expected = "https://mt-market-data-client-api-v1.london.agiliumtrade.ai"
    assert hosts.market_data("london") == expected


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8765", "http://localhost:1/", "https://[::1]:8765", "http://127.9.9.9"],
)
def test_one_server_of_this_machine_may_stand_for_all(url: str) -> None:
    hosts = Hosts(base_url=url)
    bare = url.rstrip("/")
    assert {hosts.provisioning, hosts.client("x"), hosts.market_data("x")} == {bare}


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:8765",
        "https://metaapi.example",
        "http://localhost.example",
        "http://127.0.0.1@example.com",
        "http://user:pass@127.0.0.1",
        "http://127.0.0.1/path",
        "http://127.0.0.1?x",
        "ftp://127.0.0.1",
        "127.0.0.1:8765",
        "http://127.0.0.1:port",
        "http://[::1",
    ],
)
def test_any_other_server_may_not(url: str) -> None:
    with pytest.raises(EngineError, match="Expected a base URL of this machine"):
        Hosts(base_url=url)


@pytest.mark.parametrize("domain", ["", "a", "evil.com/x", "a.b@c.d", "a.b?c"])
def test_a_domain_is_a_domain(domain: str) -> None:
    with pytest.raises(EngineError, match="Expected a domain"):
        Hosts(domain=domain)


@pytest.mark.parametrize("region", ["", "evil.com/", "a.b", "A", "-a", "a" * 60, "x@y", "a\n"])
def test_a_region_that_could_change_the_host_is_refused(region: str) -> None:
    with pytest.raises(PayloadError, match="plain word"):
        region_of({"region": region})
    assert region_of({"region": "new-york"}) == "new-york"


def test_a_value_is_asked_for_again_when_it_is_old_or_forgotten() -> None:
    clock, answers = Clock(), iter("abc")
    cached = Cached(10, clock)
    assert [cached.get("k", lambda: next(answers)) for _ in range(2)] == ["a", "a"]
    clock.now += 10
    assert cached.get("k", lambda: next(answers)) == "b"
    cached.forget("k")
    cached.forget("k")
    assert cached.get("k", lambda: next(answers)) == "c"
