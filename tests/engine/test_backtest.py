"""A strategy over history: what is acted upon, what is refused, and that nothing is random."""

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tests import instruments
from tests.bars import random_bars
from tests.engine.scripts import Script, played, terms_of
from tests.engine.tables import Setup, read
from trading.engine.backtest import BacktestRequest, Stage, Terms, backtest
from trading.engine.risk import Limits
from trading.engine.strategies import build
from trading.engine.types import Bars, Costs, EngineError

EURUSD = replace(instruments.EURUSD, swap_long=Decimal(-5))
TERMS = Terms(EURUSD, Costs(Decimal(7), 1))
FLAT_TABLE = """
   O    H    L    C spread side stop take entry
1000 1000 1000 1000      0    1   10    -     -
1000 1000 1000 1000      0    1   10    -     -
1000 1000 1000 1000      0    1   10    -     -
1000 1000 1000 1000      0   {}   10    -     -
1000 1000 1000 1000      0    0    -    -     -
1000 1000 1000 1000      0    0    -    -     -
"""


def request(rows: int = 3000, kind: str = "donchian", **params: object) -> BacktestRequest:
    bars = replace(random_bars(rows), spread=np.full(rows, 0.00008))
    return BacktestRequest(build(kind, params), bars, TERMS)


@pytest.mark.parametrize("kind", ["donchian", "ewma_trend"])
def test_the_same_request_gives_the_same_bytes(kind: str) -> None:
    first, second = (backtest(request(kind=kind)).to_json(rows=True) for _ in range(2))
    assert first == second
    assert json.loads(first)["trades"]


def test_the_sum_of_the_trades_is_the_change_of_the_balance() -> None:
    result = backtest(request(take_atr=3.0))
    assert result.metrics.trades.count > 10
    assert result.trades.net.sum() == pytest.approx(result.metrics.equity.net_profit)
    assert result.metrics.costs.net == pytest.approx(result.metrics.equity.net_profit)


def test_rows_of_the_warm_up_are_left_out() -> None:
    full = request()
    result = backtest(full)
    assert len(result.curve.equity) == len(full.bars) - full.strategy.warmup
    assert result.settings["warm_up_bars"] == full.strategy.warmup


def test_a_later_start_trades_like_a_deployment_begun_then() -> None:
    """Trades that begin after the first one of the later start are those of the whole history."""
    whole, later = backtest(request()), backtest(replace(request(), start=1500))
    begun = later.trades.entry_time[0]
    assert later.trades.entry_time.tolist() == [t for t in whole.trades.entry_time if t >= begun]
    assert begun > later.curve.time[0]


@pytest.mark.parametrize(("start", "entries"), [(0, [1]), (1, []), (2, [])])
def test_what_was_wanted_before_the_start_is_not_entered_late(
    start: int, entries: list[int]
) -> None:
    result = played(FLAT_TABLE.format("1"), start=start)
    assert result.trades.entry_bar.tolist() == entries


def test_a_change_after_the_start_is_entered() -> None:
    result = played(FLAT_TABLE.format("-1"), start=1)
    assert (result.trades.side.tolist(), result.trades.entry_bar.tolist()) == ([-1], [3])


def test_refusals_are_counted_and_warned_of() -> None:
    result = played(FLAT_TABLE.format("1"), limits=Limits(max_lots=Decimal("0.5")))
    assert result.denials == {"VOLUME_BELOW_MIN": 1}
    assert "Entries were refused: VOLUME_BELOW_MIN 1" in result.warnings


def test_bars_without_a_spread_are_warned_of() -> None:
    bare = replace(request(), bars=random_bars(3000))
    assert "100% of the bars have no spread: trading is too cheap there" in backtest(bare).warnings
    assert not any("spread" in warning for warning in backtest(request()).warnings)


def test_a_handful_of_trades_is_warned_of() -> None:
    assert "1 trades are too few to conclude anything" in played(FLAT_TABLE.format("1")).warnings


def test_a_rate_per_bar_converts_each_trade_at_its_exit() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   10    -     -
    1000 1000 1000 1000      0    0    -    -     -
    1005 1005 1005 1005      0    0    -    -     -
    """
    result = played(table, rates=np.array([1.0, 1.0, 2.0]))
    assert (result.trades.lots * 5 * 2.0).tolist() == result.trades.profit.tolist()
    assert result.settings["conversion"] == "history"


@pytest.mark.parametrize("rates", [np.ones(4), np.array([1.0, np.nan, 1.0]), np.zeros(3)])
def test_rates_that_do_not_fit_are_refused(rates: np.ndarray) -> None:
    table = "O H L C s side stop take entry\n" + "9 9 9 9 0 0 - - -\n" * 3
    with pytest.raises(EngineError, match=r"Expected .*rates"):
        played(table, rates=rates)


def test_too_few_bars_are_refused_with_the_number_needed() -> None:
    with pytest.raises(
        EngineError, match=r"Expected at least 541 bars \(539 warm donchian up\), was"
    ):
        backtest(request(540))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("balance", Decimal(0)),
        ("balance", Decimal("NaN")),
        ("leverage", 0),
    ],
)
def test_terms_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(EngineError, match=f"Expected {name} "):
        replace(TERMS, **{name: value})  # type: ignore[arg-type]


def test_bad_bars_are_refused() -> None:
    good = request()
    prices = good.bars.high.copy()
    prices[7] = np.nan
    with pytest.raises(EngineError, match="Bar 7 "):
        backtest(replace(good, bars=replace(good.bars, high=prices)))


def test_read_only_columns_are_taken() -> None:
    """History decoded from the database may lie in memory that must not be written to."""
    good = request()
    for name in ("time", "open", "high", "low", "close", "spread"):
        getattr(good.bars, name).flags.writeable = False
    assert backtest(good).to_json() == backtest(request()).to_json()


def test_a_shared_signal_column_is_not_changed_by_a_later_start() -> None:
    bars, signals = read(FLAT_TABLE.format("1"), Setup())
    before = signals.side.copy()
    backtest(BacktestRequest(Script(signals), bars, terms_of(Setup()), 1))
    assert signals.side.tolist() == before.tolist()


def test_json_holds_no_number_that_json_has_not() -> None:
    flat = Bars(*(np.array([value] * 3) for value in (0, 9.0, 9.0, 9.0, 9.0, 1.0, 0.0)))
    time = np.array([0, 3600, 7200])
    _, signals = read("O H L C s side stop take entry\n" + "9 9 9 9 0 0 - - -\n" * 3, Setup())
    quiet = BacktestRequest(Script(signals), replace(flat, time=time), terms_of(Setup()))
    content = json.loads(backtest(quiet).to_json(rows=True))
    assert content["metrics"]["equity"]["sharpe"] is None
    assert content["daily_equity"] == [[7200, 10000.0]]


@pytest.mark.parametrize("kind", ["donchian", "ewma_trend"])
@pytest.mark.parametrize("take", [0.0, 2.5])
def test_a_scaled_range_plays_as_the_signals_do(kind: str, take: float) -> None:
    asked = request(kind=kind, stop_atr=1.7, take_atr=take)
    stage = Stage(asked.bars, TERMS, asked.strategy.warmup)
    (scaled,) = stage.tapes_of([asked.strategy], asked.bars)
    written = stage.tape_of(asked.strategy.signals(asked.bars))
    assert stage.play(scaled).trades.tolist() == stage.play(written).trades.tolist()
