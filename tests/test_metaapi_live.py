"""The main job at MetaApi, from an empty database, with real processes and the real SDK.

gateway -> queue -> worker -> REST -> emulator -> stream -> database -> dashboard and notifier; all
of it is seen from outside.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db.models import F

from tests.conftest import ROOT
from tests.factories import make_deployment, make_strategy
from tests.metaapi_emulator.running import EmulatorSite, emulator_process
from tests.notifications.bot_api import TOKEN, BotApi, serving
from tests.processes import wait_for
from trading.broadcast import GROUP
from trading.brokers.market import SIMULATED_SYMBOLS
from trading.models import (
    Account,
    Deployment,
    Event,
    Order,
    Position,
    StrategyRun,
    Symbol,
    SymbolSpecification,
)
from trading.selectors.bars import bars_tail

SPEED = "12"
"""A bar of a minute takes five seconds."""
TRIES = 4
PATIENCE = 60.0
LOW = float(SIMULATED_SYMBOLS["EURUSD"].start_price)
"""Where the emulator's EURUSD begins to swing."""
Message = dict[str, Any]


class Browser:
    """Hears what every dashboard is told, in a thread of its own."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()))

    def __enter__(self) -> Browser:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def frames(self) -> list[Message]:
        """The market frames so far."""
        return [m["frame"] for m in list(self.messages) if m["type"] == "market.frame"]

    async def _listen(self) -> None:
        layer = get_channel_layer()
        assert layer is not None
        channel = await layer.new_channel()
        await layer.group_add(GROUP, channel)
        while not self._stop.is_set():
            try:
                self.messages.append(await asyncio.wait_for(layer.receive(channel), 0.5))
            except TimeoutError:
                continue
        await layer.group_discard(GROUP, channel)


class Scene:
    """The emulator, its account, and the environment of the platform's processes."""

    def __init__(self, site: EmulatorSite, env: dict[str, str], bot: BotApi) -> None:
        self.site = site
        self.bot = bot
        self.remote = site.open_account(settings={"state": "CREATED", "name": "First"})
        self.env = {
            **env,
            "METAAPI_BASE_URL": site.url,
            "METAAPI_TOKEN": site.token,
            "MT_ACCOUNT_ID": self.remote,
            "TELEGRAM_API_URL": bot.url,
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_CHAT_ID": "1",
        }

    def manage(self, *words: str) -> str:
        """What a command of `manage.py` says; it has to succeed."""
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    @contextmanager
    def running(self, *programs: str) -> Iterator[None]:
        """The programs as `up` runs them; each has to end well when it is told to."""
        command = [sys.executable, "manage.py"]
        children = [
            subprocess.Popen([*command, p], cwd=ROOT, env=self.env, stdout=subprocess.DEVNULL)
            for p in programs
        ]
        try:
            yield
        finally:
            for child in children:
                child.terminate()
            codes = [child.wait(30) for child in children]
        assert codes == [0] * len(children)

    def requests(self, action: str) -> list[Message]:
        """The requests of one kind that reached the emulator."""
        return [r for r in self.site.ledger()["requests"] if r["op"] == action]

    def held(self) -> list[Message]:
        """Positions as the emulator shows them."""
        return list(self.site.read(self.remote, "positions"))

    def strip(self, position: Message) -> None:
        """A person takes the stop away."""
        levels = {"stop": None, "take": position["takeProfit"]}
        self.site.ask("hand/modify", account=self.remote, position=position["id"], **levels)


@pytest.fixture
def scene(child_env: dict[str, str]) -> Iterator[Scene]:
    with ExitStack() as stack:
        site = stack.enter_context(emulator_process("--speed", SPEED, "--amplitude", "200"))
        yield Scene(site, child_env, stack.enter_context(serving()))


def comes_up() -> Account:
    """The account of the environment, as soon as it may trade."""
    active = Account.objects.filter(name="First", remote_state="DEPLOYED", state="ACTIVE")
    assert wait_for(active.exists, seconds=PATIENCE), story()
    return active.get()


def deploy(account: Account) -> Deployment:
    """A strategy that changes its mind at every bar, far from its take and from its stop, which
    follows as far behind as it begins."""
    params = {"fast": 2, "slow": 3, "stop_atr": 5.0, "take_atr": 8.0, "trail_atr": 5.0}
    return make_deployment(
        account=account,
        symbol=Symbol.objects.get(source=account.source, name="EURUSD"),
        strategy=make_strategy(kind="ewma_trend", params=params),
    )


def has_opened(scene: Scene) -> None:
    """The first order: with its levels at the emulator, filled on record."""
    filled = Order.objects.filter(purpose="ENTRY", status="FILLED")
    assert wait_for(filled.exists, seconds=PATIENCE), story()
    order = filled.earliest("pk")
    assert order.client_id in {r["client_id"] for r in scene.requests("submit")}
    executed = {deal["deal_id"] for deal in scene.site.executions(scene.remote)}
    assert order.fills.get().deal_id in executed


def holds_still(scene: Scene) -> Position:
    """Prices stand still until a position is held that no bar turns around."""
    for _ in range(TRIES):
        scene.site.pin(LOW)
        held = StrategyRun.objects.filter(
            outcome="HOLD", pk__gt=StrategyRun.objects.latest("pk").pk
        )
        assert wait_for(held.exists, seconds=PATIENCE), story()
        position = Position.objects.filter(closed_at__isnull=True).first()
        if position is not None:
            [seen] = scene.held()
            assert seen["id"] == position.broker_id
            assert seen["stopLoss"] > 0
            assert seen["takeProfit"] > 0
            return position
        scene.site.pin(None)  # its entry came too late: with the next swing
        opened = Position.objects.filter(closed_at__isnull=True)
        assert wait_for(opened.exists, seconds=PATIENCE), story()
    raise AssertionError(story())


def story() -> str:
    """What strategies answered and what was told, for a failure."""
    runs = StrategyRun.objects.order_by("pk").values_list("outcome", "code", "message")
    events = Event.objects.order_by("pk").values_list("kind", "message")
    orders = Order.objects.order_by("pk").values_list("purpose", "origin", "status", "position_id")
    return "\n".join(map(str, [*runs, *orders, *events]))


def stop_follows(scene: Scene, position: Position) -> None:
    """The price moves in its favour: with the next close its stop does at the emulator, as far
    behind as when it was opened, and nobody takes that for a change by hand."""
    [before] = scene.held()
    asked = len(scene.requests("modify"))
    bid = LOW + position.side * 0.003
    scene.site.pin(bid)
    price = scene.site.read(scene.remote, "symbols/EURUSD/current-price")
    assert price["bid"] == bid
    assert position.trail is not None
    closing = bid if position.side > 0 else price["ask"]
    goal = pytest.approx(closing - position.side * float(position.trail), abs=1e-9)
    assert wait_for(lambda: scene.held()[0]["stopLoss"] == goal, seconds=PATIENCE), story()
    [after] = scene.held()
    assert (after["stopLoss"] - before["stopLoss"]) * position.side > 0
    assert (after["id"], after["takeProfit"]) == (before["id"], before["takeProfit"])
    assert len(scene.requests("modify")) > asked
    settled = Position.objects.filter(pk=position.pk, stop=F("wanted_stop"), moving_since=None)
    assert wait_for(settled.exists, seconds=20), story()
    is_reconciled(position.account)
    assert Event.objects.filter(kind="position.stop_moved", account=position.account).exists()
    assert not Event.objects.filter(kind="position.changed").exists(), story()


def is_reconciled(account: Account) -> None:
    """Once more from now on."""
    last = Account.objects.get(pk=account.pk).reconciled_to
    later = Account.objects.filter(pk=account.pk, reconciled_to__gt=last)
    assert wait_for(later.exists, seconds=PATIENCE), story()


def gets_its_stop_back(scene: Scene, position: Position) -> None:
    """A stop that a person takes away is set again, where it was."""
    [before] = scene.held()
    assert before["id"] == position.broker_id
    asked = len(scene.requests("modify"))
    scene.strip(before)
    told = Event.objects.filter(kind="position.protected")
    assert wait_for(told.exists, seconds=20), story()
    assert len(scene.requests("modify")) > asked
    [after] = scene.held()
    assert (after["id"], after["stopLoss"]) == (before["id"], before["stopLoss"])


def is_closed_by_reversal(scene: Scene, position: Position) -> None:
    """Prices swing again: the position is closed, by an order of its strategy."""
    scene.site.pin(None)
    closed = Position.objects.filter(pk=position.pk, closed_at__isnull=False)
    assert wait_for(closed.exists, seconds=PATIENCE), story()
    order = Order.objects.filter(position_id=position.broker_id, purpose="CLOSE").first()
    assert order is not None, story()
    assert (order.status, order.origin) == ("FILLED", "STRATEGY")


@pytest.mark.crash  # for its length: it waits for bars
@pytest.mark.django_db(transaction=True)
def test_a_token_and_an_account_id_are_enough_to_trade(scene: Scene) -> None:
    assert "MetaApi connection" in scene.manage("bootstrap")
    with Browser() as browser, scene.running("gateway", "qworker", "notifier"):
        account = comes_up()
        series = ["--account", "First", "--symbol", "EURUSD", "--timeframe", "M1"]
        assert "bars added" in scene.manage("backfill", *series, "--days", "1")
        assert SymbolSpecification.objects.filter(symbol__name="EURUSD").exists()
        deployment = deploy(account)
        assert len(bars_tail(symbol=deployment.symbol, timeframe="M1", count=2000)) > 1400
        has_opened(scene)
        position = holds_still(scene)
        stop_follows(scene, position)
        gets_its_stop_back(scene, position)
        is_closed_by_reversal(scene, position)
        assert wait_for(lambda: any("position.closed" in s.text for s in scene.bot.sent)), [
            s.text for s in scene.bot.sent
        ]
    assert any(frame["positions"] for frame in browser.frames())
    assert {m["type"] for m in browser.messages} == {"market.frame", "events.hint"}
    assert not Event.objects.filter(kind__in=["order.unknown", "position.vanished"]).exists()
    assert not StrategyRun.objects.filter(state="FAILED").exists()
