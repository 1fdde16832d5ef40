"""The doctor's look outside: tokens, accounts at their brokers, quotes, leases."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils.timezone import now

from trading.brokers.base import Unavailable
from trading.brokers.metaapi import MetaApiClient
from trading.brokers.metaapi.payload import Fields
from trading.engine.sessions import week_of
from trading.engine.types import EngineError
from trading.models import Account, Connection, Deployment, Symbol
from trading.selectors.clock import clock_read
from trading.selectors.leases import lease_standing
from trading.selectors.quotes import STALE_SECONDS, quotes_seen
from trading.services.brokers import metaapi_client, token_of
from trading.services.findings import Finding, failed, passed, warned, worst
from trading.services.tick_values import tick_value_compare

SKEW_WARN: Final = 2.0
SKEW_FAIL: Final = 10.0
"""Seconds between our clock and the broker's."""
EXPIRES_SOON: Final = timedelta(days=14)
SOME: Final = 5
"""Symbols of an account that are looked at where no deployment trades any."""
APIS: Final = (
    "metaapi-rest-api",
    "metaapi-real-time-streaming-api",
    "trading-account-management-api",
)
"""What the platform reads with; with the first it trades too."""
RENEW: Final = "Make a new token at MetaApi and store it in the connection"


def token_check(connection: Connection) -> Finding:
    """What the token says of itself; it is not verified and never shown."""
    claims = _claims(token_of(connection_id=connection.pk))
    if claims is None:
        return warned("the token does not say what it may and how long", "Look it up at MetaApi")
    findings = [_expiry(claims), _rights(claims)]
    expires = _expires(claims)
    until = f"until {expires:%Y-%m-%d}" if expires else "without end"
    return worst(findings, f"reads and trades {until}")


def connection_check(account: Account) -> Finding:
    """Does its broker answer, and may we trade there?"""
    if not _is_deployed(account):
        return warned(f"it is {account.remote_state}", f"manage.py account deploy {account.pk}")
    try:
        fields = Fields("account", metaapi_client(account=account).account_information())
    except (Unavailable, EngineError) as e:
        return failed(str(e), "Is the account deployed and connected at MetaApi?")
    currency, equity = fields.text("currency"), fields.number("equity")
    if currency != account.currency:
        return failed(f"Expected {account.currency}, was {currency}", "manage.py syncaccounts")
    if fields.flag("investorMode", False):
        return failed("the password is the investor's: it only reads", "Give MetaApi the other one")
    if not fields.flag("tradeAllowed", True):
        return warned("the broker does not allow trading", "Ask the broker; a demo may have ended")
    return passed(f"connected, equity {equity:.2f} {currency}")


def clock_check(account: Account) -> Finding:
    """How far our clock is from the broker's, beyond what the way there takes."""
    client = metaapi_client(account=account)
    client.server_time()  # finds the account's region, which would count as time on the way
    sent = now()
    server = client.server_time()
    received = now()
    ahead = (server - sent - (received - sent) / 2).total_seconds()
    skew = max(0.0, abs(ahead) - (received - sent).total_seconds() / 2)
    detail = f"the broker's clock is {ahead:+.1f} s from ours"
    cure = "Let the machine keep its time: timedatectl set-ntp true"
    if skew > SKEW_FAIL:
        return failed(detail, cure)
    return warned(detail, cure) if skew > SKEW_WARN else passed(detail)


def specification_check(account: Account) -> Finding:
    """Is what we take a lot to lose per tick what the broker says, within one percent?"""
    client = metaapi_client(account=account)
    symbols = list(_looked_at(account))
    if not symbols:
        return warned("no symbol of it is known", f"manage.py syncsymbols --account {account.pk}")
    findings = [_tick_value(account, client, symbol) for symbol in symbols]
    return worst(findings, f"{len(symbols)} symbols lose per tick what the broker says")


def quotes_check(source: str) -> Finding:
    """Do the symbols that are traded have fresh quotes while their market is open?"""
    symbols = Symbol.objects.filter(source=source, deployments__state=Deployment.State.RUNNING)
    traded = {symbol.name: symbol for symbol in symbols}
    seen = quotes_seen(source=source, names=traded)
    open_ = [s.name for s in traded.values() if week_of(s.sessions, "quote").is_open(now())]
    if not open_:
        return passed(f"{len(traded)} symbols, their market is closed")
    ages = {name: seen[name].age if name in seen else None for name in open_}
    old = [
        f"{name} {_age(age)}" for name, age in ages.items() if age is None or age > STALE_SECONDS
    ]
    if old:
        return warned(
            f"no fresh quote: {', '.join(old[:SOME])}",
            "Is a gateway running? A symbol may also be missing at the broker",
        )
    return passed(f"the oldest of {len(open_)} is {max(a or 0.0 for a in ages.values()):.1f} s old")


def lease_check(account: Account) -> Finding:
    """Does a gateway of a build that may run it, having reconciled it?"""
    lease = getattr(account, "lease", None)
    cure = "Start a gateway: manage.py gateway"
    if lease is None:
        return warned("no gateway has ever run it", cure)
    problem = lease_standing(lease, clock_read())
    if problem is None:
        return passed(f"{lease.owner}, epoch {lease.epoch}")
    code, message = problem
    if code == "BUILD_FENCED":
        return failed(f"{code}: {message}", "Start the newer build, or raise BUILD")
    return warned(
        f"{code}: {message}", cure if code == "NO_GATEWAY" else "Look at its gateway's log"
    )


def is_asked(account: Account) -> bool:
    """Whether its broker can be asked: a MetaApi account whose terminal shall run."""
    return account.kind == "metaapi" and _is_deployed(account)


# --- tokens


def _claims(token: str) -> Mapping[str, Any] | None:
    """The payload of a JWT, None where it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def _expires(claims: Mapping[str, Any]) -> datetime | None:
    seconds = claims.get("exp")
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None


def _expiry(claims: Mapping[str, Any]) -> Finding:
    expires = _expires(claims)
    if expires is None or expires > now() + EXPIRES_SOON:
        return passed("")
    detail = f"it ends on {expires:%Y-%m-%d %H:%M} UTC"
    return warned(detail, RENEW) if expires > now() else failed(detail, RENEW)


def _rights(claims: Mapping[str, Any]) -> Finding:
    """By its access rules; a token without any may everything."""
    rules = claims.get("accessRules")
    if not isinstance(rules, list):
        return passed("")
    roles = {rule.get("id"): rule.get("roles", []) for rule in rules if isinstance(rule, dict)}
    missing = [api for api in APIS if "reader" not in roles.get(api, [])]
    if missing:
        return failed(f"it may not read {', '.join(missing)}", RENEW)
    if "writer" not in roles[APIS[0]]:
        return warned("it only reads: no order can be sent with it", RENEW)
    return passed("")


# --- specifications


def _looked_at(account: Account) -> Iterable[Symbol]:
    symbols = Symbol.objects.filter(source=account.source)
    return symbols.filter(deployments__isnull=False).distinct() or symbols[:SOME]


def _tick_value(account: Account, client: MetaApiClient, symbol: Symbol) -> Finding:
    found = tick_value_compare(account=account, client=client, symbol=symbol)
    if found.brokers is None:
        return warned(f"{symbol.name}: the broker names no tick value", "Compare it in a terminal")
    if found.is_same:
        return passed("")
    return failed(f"{found}", "No entries before the contract size is right: manage.py syncsymbols")


def _is_deployed(account: Account) -> bool:
    return not account.remote_state or account.remote_state.startswith("DEPLOYED")


def _age(age: float | None) -> str:
    return "none" if age is None else f"{age:.0f} s"
