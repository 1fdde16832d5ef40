"""The first start: an administrator, the accounts named in the environment, and the demo."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from trading.brokers.market import SIMULATED_SYMBOLS
from trading.brokers.market import SimulatedMarket as Market
from trading.engine.risk import Control
from trading.models import (
    Account,
    Connection,
    Deployment,
    SimulatedMarket,
    Strategy,
    Symbol,
)
from trading.services.accounts import WAITING
from trading.services.bars import bars_store
from trading.services.limits import limit_create
from trading.services.paper import paper_book_open
from trading.services.remote import placeholder, source_of

DEMO_ACCOUNT = "Paper demo"
DEMO_SYMBOLS = ("EURUSD", "GBPUSD", "XAUUSD")
DEMO_START = datetime(2026, 1, 14, 13, 0, tzinfo=UTC)  # a Wednesday, London and New York open
DEMO_HISTORY = timedelta(days=14)
DEMO_STRATEGIES: dict[str, tuple[str, dict[str, object]]] = {
    "Donchian 20/10": (
        "donchian",
        {"entry": 20, "exit": 10, "hold": 120, "stop_atr": 3.0, "take_atr": 6.0},
    ),
    "EWMA trend 8/32": ("ewma_trend", {"fast": 8, "slow": 32, "stop_atr": 4.0}),
    "EWMA trend 5/20": ("ewma_trend", {"fast": 5, "slow": 20, "stop_atr": 4.0}),
}
DEMO_LIMITS = {Control.DAILY_LOSS: Decimal(5), Control.MAX_POSITIONS: Decimal(6)}


@dataclass(slots=True)
class BootstrapReport:
    """What was made; the password is told once and stored nowhere in clear."""

    admin_password: str | None = None
    lines: list[str] = field(default_factory=list)


def bootstrap_run(*, demo: bool) -> BootstrapReport:
    """Make what is missing; running it again changes nothing."""
    report = BootstrapReport(admin_password=admin_create())
    if metaapi_create():
        report.lines.append("Created the MetaApi connection; the gateway brings its account up")
    if demo and demo_create():
        report.lines.append(f"Created the demo: account {DEMO_ACCOUNT!r} with 10,000.00 USD")
    return report


def admin_create() -> str | None:
    """The user `admin` with a random password, unless there is a superuser; the password."""
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    get_user_model().objects.create_superuser("admin", "", password)
    return password


@transaction.atomic
def metaapi_create() -> bool:
    """Connection and account from METAAPI_TOKEN and MT_ACCOUNT_ID, once; False when nothing was
    made. The gateway finds out the rest and starts the account's terminal.
    """
    _metaapi_let_go()
    if not settings.METAAPI_TOKEN:
        return False
    connection, created = Connection.objects.defer("token").get_or_create(
        name="MetaApi", defaults={"token": settings.METAAPI_TOKEN}
    )
    external_id = settings.MT_ACCOUNT_ID
    known = Account.objects.filter(kind="metaapi")
    if not external_id or known.filter(external_id=external_id).exists():
        return created
    if known.filter(connection_id=connection.pk).exists():
        return created  # from now on the admin is the place
    Account.objects.create(
        name=placeholder(external_id),
        kind="metaapi",
        connection_id=connection.pk,
        external_id=external_id,
        source=source_of(external_id),
        is_demo=False,
        state_reason=WAITING,
    )
    return True


def _metaapi_let_go() -> None:
    """Versions without an adapter halted their account for good; now it only waits."""
    halted = Account.objects.filter(kind="metaapi", state_reason__startswith="This version has no")
    halted.update(state_reason=WAITING)


@transaction.atomic
def demo_create() -> bool:
    """A paper account on the simulated market with running deployments; False when it exists."""
    if Account.objects.filter(name=DEMO_ACCOUNT).exists():
        return False
    market, _ = SimulatedMarket.objects.get_or_create(
        source="simulated", defaults={"market_time": DEMO_START}
    )
    symbols = [symbol_create(name=name, source=market.source) for name in DEMO_SYMBOLS]
    for symbol in symbols:
        _prefill(symbol, market)
    account = Account.objects.create(
        name=DEMO_ACCOUNT,
        kind="paper",
        source=market.source,
        balance=Decimal(10_000),
        equity=Decimal(10_000),
    )
    paper_book_open(account=account)
    for control, value in DEMO_LIMITS.items():
        limit_create(control=control, account=account, value=value)
    for symbol, (name, (kind, params)) in zip(symbols, DEMO_STRATEGIES.items(), strict=True):
        strategy, _ = Strategy.objects.get_or_create(
            name=name, defaults={"kind": kind, "params": params}
        )
        Deployment.objects.create(
            account=account,
            strategy=strategy,
            symbol=symbol,
            timeframe="M1",
            risk_percent=Decimal("0.25"),
            state=Deployment.State.RUNNING,
        )
    return True


def symbol_create(*, name: str, source: str) -> Symbol:
    """The row of a simulated symbol; kept if there is one."""
    spec = SIMULATED_SYMBOLS[name]
    instrument = spec.instrument
    columns = (
        "tick_size",
        "contract_size",
        "volume_min",
        "volume_step",
        "volume_max",
        "base_currency",
        "profit_currency",
        "swap_long",
        "swap_short",
        "triple_swap_weekday",
        "stops_level",
    )
    symbol, _ = Symbol.objects.get_or_create(
        source=source,
        name=name,
        defaults={
            **{column: getattr(instrument, column) for column in columns},
            "digits": spec.digits,
            "commission_per_lot": spec.costs.commission_per_lot,
            "slippage_ticks": spec.costs.slippage_ticks,
        },
    )
    return symbol


def _prefill(symbol: Symbol, market: SimulatedMarket) -> None:
    """History up to the market's clock, so that strategies are warm at the first bar."""
    simulated = Market(seed=market.seed)
    end = market.market_time.replace(second=0, microsecond=0)
    bars = simulated.bars(symbol.name, "M1", end - DEMO_HISTORY, end)
    bars_store(symbol=symbol, timeframe="M1", bars=bars)
