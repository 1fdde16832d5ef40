"""Points a MetaApi object of the SDK to an emulator: plain HTTP, no name look-up, no TLS."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from trading.engine.types import EngineError


class NotTheEmulator(EngineError):
    """What was given could be the cloud, or somebody's real token."""


def redirect(api: Any, url: str) -> Any:
    """Let everything `api` asks go to `url` instead: the same object.

    Only to loopback, and only with a token that is none of the cloud's; raises NotTheEmulator.
    """
    base = urlsplit(url)
    check_loopback(base)
    check_token(str(api._metaapi_websocket_client._token))
    api._metaapi_websocket_client.set_url(url)
    for client in _http_clients(api):
        client._make_request = _towards(base, client._make_request)
    return api


def check_loopback(url: SplitResult) -> None:
    """Plain HTTP to this machine's own address; raises NotTheEmulator."""
    try:
        is_local = url.scheme == "http" and ip_address(url.hostname or "").is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise NotTheEmulator(f"Expected http://127.0.0.1:PORT, was {urlunsplit(url)}")


def check_token(token: str) -> None:
    """No JSON web token, as the cloud's are; raises NotTheEmulator without repeating it."""
    head = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError):
        return
    if isinstance(header, dict):
        raise NotTheEmulator("Expected a token made up for a test, was a JSON web token")


def _http_clients(api: Any) -> list[Any]:
    """The HTTP clients of an api object, each once."""
    accounts, generator = api.metatrader_account_api, api.metatrader_account_generator_api
    owners = (
        accounts._metatrader_account_client,
        accounts._historical_market_data_client,
        generator._metatrader_account_generator_client,
    )
    return list({id(owner._http_client): owner._http_client for owner in owners}.values())


def _towards(
    base: SplitResult, make_request: Callable[[dict[str, Any]], Awaitable[Any]]
) -> Callable[[dict[str, Any]], Awaitable[Any]]:
    async def redirected(options: dict[str, Any]) -> Any:
        asked = urlsplit(options["url"])
        url = urlunsplit((base.scheme, base.netloc, asked.path, asked.query, ""))
        return await make_request({**options, "url": url})

    return redirected
