"""The main job, with real processes: gateway -> queue -> worker -> paper broker -> database."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trading.models import Event, Fill, SimulatedMarket, StrategyRun
from trading.services.bootstrap import bootstrap_run

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0


@contextmanager
def process(command: str, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        [sys.executable, "manage.py", command], cwd=ROOT, env=env, stdout=subprocess.DEVNULL
    )
    try:
        yield child
    finally:
        child.terminate()
        assert child.wait(20) == 0


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return False


@pytest.mark.django_db(transaction=True)
def test_the_demo_trades_by_itself_and_goes_on_after_a_restart(child_env: dict[str, str]) -> None:
    bootstrap_run(demo=True)
    SimulatedMarket.objects.update(speed=60)
    with process("qworker", child_env):
        with process("gateway", child_env):
            assert eventually(lambda: Fill.objects.filter(opens=True).exists())
        stopped_at = SimulatedMarket.objects.get().market_time
        answered = StrategyRun.objects.filter(state="DONE").count()
        with process("gateway", child_env):
            assert eventually(
                lambda: StrategyRun.objects.filter(state="DONE").count() > answered + 3
            )
    assert StrategyRun.objects.earliest("bar_open").bar_open < stopped_at
    assert not Event.objects.filter(kind__in=["order.unknown", "position.vanished"]).exists()
    assert not StrategyRun.objects.filter(state="FAILED").exists()
