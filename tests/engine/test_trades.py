"""What is told of each trade and of all of them, worked out by hand.

One lot moves one unit of money per tick. The spread is 2, a lot costs 2 a round turn and slippage
is 1, so a stop 17 away loses 21 a lot and 1 % of 10,000 buys 4 lots.
"""

from decimal import Decimal

import pytest

from tests.engine.scripts import played
from tests.engine.tables import Setup
from trading.engine.backtest import Result
from trading.engine.metrics import CostMetrics, SliceMetrics
from trading.engine.types import Conversion, Costs

SETUP = Setup(costs=Costs(Decimal(2), 1))
TWO_TRADES = """
   O    H    L    C spread side stop take entry
1000 1000 1000 1000      2    1   17   30     -
1000 1020  990 1010      2    1    -    -     -
1010 1040 1005 1030      2    0    -    -     -
1030 1030 1030 1030      2   -1   17    -     -
1030 1046 1020 1025      2    0    -    -     -
1025 1025 1025 1025      2    0    -    -     -
"""
"""A long bought at 1002, slipped to 1003, that takes 1032; a short at 1029 stopped at 1048."""


@pytest.fixture
def result() -> Result:
    return played(TWO_TRADES, SETUP)


def test_prices_and_sizes(result: Result) -> None:
    trades = result.trades
    assert trades.lots.tolist() == [4.0, 4.0]
    assert trades.entry.tolist() == [1003.0, 1029.0]
    assert trades.exit.tolist() == [1032.0, 1048.0]
    assert trades.stop.tolist() == [985.0, 1047.0]
    assert (trades.entry_bar.tolist(), trades.bars.tolist()) == ([1, 4], [1, 0])


def test_money(result: Result) -> None:
    trades = result.trades
    assert trades.profit.tolist() == [116.0, -76.0]
    assert trades.commission.tolist() == [8.0, 8.0]
    assert trades.net.tolist() == [108.0, -84.0]
    assert trades.risk.tolist() == [84.0, 84.0]
    assert trades.r.tolist() == pytest.approx([108 / 84, -1.0])


def test_excursions(result: Result) -> None:
    trades = result.trades
    assert trades.mae.tolist() == [13.0, 19.0]
    assert trades.mfe.tolist() == [29.0, 0.0]
    assert trades.mae_r.tolist() == pytest.approx([13 / 18, 19 / 18])
    assert trades.mfe_r.tolist() == pytest.approx([29 / 18, 0.0])


def test_a_take_does_not_slip_and_each_trade_crosses_the_spread_once(result: Result) -> None:
    assert result.trades.spread_cost.tolist() == [8.0, 8.0]
    assert result.trades.slippage_cost.tolist() == [4.0, 8.0]


def test_costs_lead_from_the_profit_before_to_the_profit_after(result: Result) -> None:
    assert result.metrics.costs == CostMetrics(68.0, -16.0, -12.0, -16.0, 0.0, 24.0)


def test_costs_in_another_currency_are_converted() -> None:
    setup = Setup(costs=Costs(Decimal(0), 1))
    halved = played(TWO_TRADES, setup, conversion=Conversion(rate=Decimal("0.5")))
    lots = halved.trades.lots
    assert halved.trades.spread_cost.tolist() == (lots * 2 * 0.5).tolist()


def test_costs_convert_at_the_price_of_the_exit_where_it_decides() -> None:
    setup = Setup(costs=Costs(Decimal(0), 1))
    trades = played(TWO_TRADES, setup, conversion=Conversion(inverse=True)).trades
    assert trades.spread_cost.tolist() == pytest.approx((trades.lots * 2 / trades.exit).tolist())


def test_a_limit_entry_has_not_slipped() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -   990
    1000 1000  989  995      0    0    -    -     -
    1000 1000 1000 1000      0    0    -    -     -
    """
    trades = played(table, SETUP).trades
    assert (trades.entry.tolist(), trades.exit.tolist()) == ([990.0], [999.0])
    assert (trades.slippage_cost / trades.lots).tolist() == [1.0]


def test_trade_metrics(result: Result) -> None:
    found = result.metrics.trades
    assert (found.count, found.long, found.short, found.wins, found.losses) == (2, 1, 1, 1, 1)
    assert (found.gross_profit, found.gross_loss) == (108.0, -84.0)
    assert found.profit_factor == pytest.approx(108 / 84)
    assert found.payoff == pytest.approx(108 / 84)
    assert (found.expectancy, found.median, found.win_rate_percent) == (12.0, 12.0, 50.0)
    assert found.mean_r == pytest.approx((108 / 84 - 1) / 2)
    assert (found.mean_hours, found.mean_hours_win, found.mean_hours_loss) == (0.5, 1.0, 0.0)
    assert (found.most_wins_in_row, found.most_losses_in_row) == (1, 1)
    assert found.exposure_percent == pytest.approx(100 / 6)


def test_equity_metrics(result: Result) -> None:
    """Half the commission is booked at each side: 10,000 - 4 + 28 floating at the second close."""
    found = result.metrics.equity
    assert result.curve.equity.tolist() == [10000, 10024, 10108, 10108, 10024, 10024]
    assert found.net_profit == 24.0
    assert found.return_percent == pytest.approx(0.24)
    assert found.max_drawdown == 84.0
    assert found.max_drawdown_percent == pytest.approx(100 * 84 / 10108)
    assert found.under_water_percent == pytest.approx(100 * 2 / 6)
    assert found.recovery_factor == pytest.approx(24 / 84)
    assert (found.days, found.cagr_percent, found.calmar) == (1, None, None)


def test_metrics_by_exit(result: Result) -> None:
    assert result.metrics.slices["reason"] == {
        "STOP": SliceMetrics(1, 0.0, -1.0, -84.0),
        "TAKE": SliceMetrics(1, 100.0, 108.0 / 84.0, 108.0),
    }


def test_without_trades_nothing_is_claimed() -> None:
    table = TWO_TRADES.replace("    1   17", "    0   17").replace("   -1   17", "    0   17")
    metrics = played(table, SETUP).metrics
    assert metrics.trades.count == 0
    assert metrics.trades.profit_factor is None
    assert metrics.trades.win_rate_percent is None
    assert metrics.trades.sqn is None
    assert metrics.equity.net_profit == 0.0
    assert metrics.equity.sharpe is None
    assert metrics.slices["reason"] == {}


def test_records_are_ready_for_json(result: Result) -> None:
    first = result.trades.records(2)[0]
    assert (first["reason"], first["side"], first["entry"], first["bars"]) == ("TAKE", 1, 1003.0, 1)
