"""What the backtest says is what live would have done.

The same market is gone through twice (see `tests.parity`): as bars by the simulator, and tick by
tick by builder, `decide` and book. Trades must be the same to the tick and to the cent, and so
must equity at every close, refusals, the final balance and what is still held.

Inside a bar prices move by at most one tick and the spread stands still; between bars they gap.
Bars do not say in which order their prices came, so there are two kinds of path:

* the worst one, which visits each bar's extremes in the order the simulator assumes (the adverse
  one first, a pending entry before it). There the two ways agree always.
* a random one. There they agree until a bar whose order matters (a stop and a take within its
  range, or a pending entry's bar that reaches the stop before the entry or the take after it);
  at the close of that bar the simulator must not be the richer one.

PARITY_EXAMPLES=2000 tries that many examples instead of the few of an ordinary run.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.candles import bars_from_candles, worst_path
from tests.parity import Story, lived, simulated
from tests.plays import STAGES, Play, market_of, play_of, scene_of, script, winning_play
from trading.engine.backtest import BacktestRequest, Terms, backtest
from trading.engine.bars import BarBuilder, bars_of
from trading.engine.money import conversion_for, money_from_float
from trading.engine.risk import Limits
from trading.engine.sizing import Method, SizingRule, fractional
from trading.engine.strategies import REGISTRY, build
from trading.engine.tape import EXIT_REASONS
from trading.engine.types import Bars

EXAMPLES = int(os.environ.get("PARITY_EXAMPLES", "0"))


def many(ordinary: int) -> settings:
    return settings(
        max_examples=EXAMPLES or ordinary,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def assert_same(simulated: Story, lived: Story, bars: Bars) -> None:
    """One story, up to the first bar whose order of prices matters."""
    if not lived.ambiguous:
        assert simulated.trades == lived.trades
        assert simulated.holding == lived.holding
        assert simulated.balance == lived.balance
        assert simulated.denials == lived.denials
        assert simulated.equity[:-1] == lived.equity[:-1]
        return
    cut = lived.ambiguous[0]
    row = bars.time.tolist().index(cut)
    before = [[t for t in story.trades if t.left < cut] for story in (simulated, lived)]
    assert before[0] == before[1]
    assert simulated.equity[:row] == lived.equity[:row]
    assert simulated.worth(row, cut) <= lived.worth(row, cut)


seeds = st.integers(0, 2**64 - 1)
counts = st.integers(20, 80)


@many(120)
@given(seeds, counts, st.booleans())
def test_any_orders_on_the_worst_path(seed: int, count: int, is_reckless: bool) -> None:
    play = play_of(seed, count, is_reckless=is_reckless)
    live = lived(play.scene, play.strategy, play.candles, worst_path)
    assert_same(play.told, replace(live, ambiguous=[]), play.bars)


@many(120)
@given(seeds, counts, st.booleans())
def test_any_orders_on_a_random_path(seed: int, count: int, is_reckless: bool) -> None:
    play = play_of(seed, count, is_reckless=is_reckless)
    assert_same(play.told, lived(play.scene, play.strategy, play.candles), play.bars)


@many(60)
@given(seeds, st.integers(100, 300))
def test_any_sizing_rule(seed: int, count: int) -> None:
    play = play_of(seed, count, is_ruled=True)
    live = lived(play.scene, play.strategy, play.candles, worst_path)
    assert_same(play.told, replace(live, ambiguous=[]), play.bars)


@pytest.mark.parametrize("curve_factor", [None, Decimal("0.5")])
@pytest.mark.parametrize("seed", range(3))
def test_kelly_and_curve_count_the_same_trades(seed: int, curve_factor: Decimal | None) -> None:
    half = Decimal("0.5")
    rule = SizingRule(Method.KELLY, Decimal(20), start_percent=half, curve_factor=curve_factor)
    play = winning_play(seed, 700, rule)
    told = play.told
    live = lived(play.scene, play.strategy, play.candles, worst_path)
    assert_same(told, replace(live, ambiguous=[]), play.bars)
    first, next_ = told.trades[:100], told.trades[101:140]
    assert max(t.steps for t in next_) > 3 * max(t.steps for t in first), "Kelly never began"


levels = {
    "atr": st.integers(2, 3),
    "stop_atr": st.floats(0.5, 4.0),
    "take_atr": st.just(0.0) | st.floats(0.5, 6.0),
    "trail_atr": st.just(0.0) | st.floats(0.2, 4.0),
}
SMALL: dict[str, dict[str, object]] = {
    "donchian": {"entry": 3, "exit": 2, "hold": 8, "take_atr": 4.0, "trail_atr": 2.5},
    "ewma_trend": {"fast": 2, "slow": 4, "stop_atr": 2.0, "trail_atr": 1.5},
}
PARAMS = {
    "donchian": st.fixed_dictionaries(
        {
            "entry": st.integers(3, 8),
            "exit": st.integers(1, 3),
            "hold": st.integers(3, 20),
            **levels,
        }
    ),
    "ewma_trend": st.fixed_dictionaries(
        {"fast": st.integers(2, 3), "slow": st.integers(4, 6), "band": st.floats(0, 1.0), **levels}
    ),
}


@pytest.mark.parametrize("kind", sorted(REGISTRY))
@many(20)
@given(st.data(), seeds)
def test_strategies(kind: str, data: st.DataObject, seed: int) -> None:
    strategy = build(kind, data.draw(PARAMS[kind]))
    play = play_of(seed, strategy.warmup + 80, strategy=strategy)
    assert_same(play.told, lived(play.scene, strategy, play.candles), play.bars)


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_a_whole_backtest_is_a_life(kind: str) -> None:
    """Through `backtest`, as commands and pages run it."""
    strategy = build(kind, {"atr": 2, **SMALL[kind]})
    plays = [play_of(s, strategy.warmup + 100, strategy=strategy) for s in range(15)]
    compared = 0
    for play in plays:
        live = lived(play.scene, strategy, play.candles, worst_path)
        compared += len(live.trades)
        assert backtested(play) == [
            (t.entered, t.left, t.reason, t.profit - t.commission + t.swap) for t in live.trades
        ]
    assert compared > 30


def backtested(play: Play) -> list[tuple[int, int, str, Decimal]]:
    """Bars, reason and net money of the trades that ended before the bars did."""
    scene = play.scene
    rates = np.array([scene.conversion(row) for row in range(len(play.bars))])
    terms = Terms(
        instrument=scene.instrument,
        costs=scene.costs,
        conversion=conversion_for(scene.instrument, scene.currency, scene.quotes(0)),
        rates=rates,
        currency=scene.currency,
        balance=scene.balance,
        leverage=scene.leverage,
        sizing=scene.sizing,
        limits=scene.limits,
    )
    t = backtest(BacktestRequest(play.strategy, play.bars, terms)).trades
    reasons = [str(EXIT_REASONS[code]) for code in t.reason]
    net = [money_from_float(amount) for amount in t.net.tolist()]
    rows = zip(t.entry_time.tolist(), t.exit_time.tolist(), reasons, net, strict=True)
    return [row for row in rows if row[2] != "END"]


@many(30)
@given(seeds, counts)
def test_on_bars_with_a_rollover_inside_the_simulator_never_pays_less_swap(
    seed: int, count: int
) -> None:
    """Lots are bounded so that what swap does to the balance changes no other trade."""
    rng = np.random.default_rng(seed)
    spec = replace(STAGES[0].instrument, swap_short=Decimal("-3.3"))
    stage = replace(STAGES[0], instrument=spec)
    limits = Limits(max_lots=Decimal("0.01"), margin_use=Decimal(100))
    scene = replace(scene_of(rng, stage), timeframe="H4", limits=limits, leverage=3000)
    scene = replace(scene, balance=Decimal(25000), sizing=fractional(2), first_tick=0.0)
    candles = market_of(rng, stage, scene.seconds, count)
    bars = bars_from_candles(candles, spec.tick_size)
    strategy = script(rng, bars, float(spec.tick_size))
    told = simulated(scene, strategy, bars).trades
    live = lived(scene, strategy, candles, worst_path).trades
    assert [replace(t, swap=Decimal(0)) for t in told] == [
        replace(t, swap=Decimal(0)) for t in live
    ]
    assert all(a.swap <= b.swap for a, b in zip(told, live, strict=True))


def test_live_builds_the_bars_that_the_backtest_reads() -> None:
    play = play_of(1, 80)
    builder, built = BarBuilder(play.scene.timeframe), []
    tick = play.scene.instrument.tick_size
    for candle in play.candles:
        for k, bid in enumerate((candle.open, *candle.rest)):
            bar = builder.add(candle.time + k, float(bid * tick), float(candle.spread * tick))
            built += [bar] if bar else []
    again = bars_of(built)
    for name in ("time", "open", "high", "low", "close", "spread"):
        np.testing.assert_array_equal(getattr(again, name), getattr(play.bars, name)[:-1])


def test_the_plays_contain_every_exit_and_refusal() -> None:
    stories = [play_of(s, 80, is_reckless=s % 2 > 0).told for s in range(120)]
    reasons = Counter(trade.reason for story in stories for trade in story.trades)
    assert set(reasons) == {"SIGNAL", "STOP", "TAKE", "STOP_OUT"}
    plain = {"SPREAD_TOO_WIDE", "DAILY_LOSS", "STOP_REQUIRED", "VOLUME_BELOW_MIN"}
    assert set().union(*(story.denials for story in stories)) == plain
    assert any(trade.swap for story in stories for trade in story.trades)


def test_the_plays_of_any_rule_contain_every_method_and_refusal() -> None:
    plays = [play_of(s, 300, is_ruled=True) for s in range(100)]
    told = [(play.scene.sizing.method, play.told) for play in plays]
    assert {method for method, story in told if len(story.trades) > 20} == {*Method}
    denied = set().union(*(story.denials for _, story in told))
    assert denied >= {"DRAWDOWN", "EQUITY_CURVE", "NO_EDGE", "FACT_UNKNOWN"}


def test_the_plays_contain_stops_that_follow_and_stops_that_are_overtaken() -> None:
    seen = Counter(trail for s in range(30) for trail in trails_of(play_of(s, 80)))
    assert set(seen) == {(1, False), (-1, False), (1, True), (-1, True)}


def trails_of(play: Play) -> list[tuple[int, bool]]:
    """Side, and whether the market was there already, of every trail that live decided."""
    live = lived(play.scene, play.strategy, play.candles, worst_path)
    return [(trail.position.side, trail.is_overtaken) for trail in live.trails]
