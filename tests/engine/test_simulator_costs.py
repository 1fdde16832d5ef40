"""Commission, swap and stop-out in the simulator as tables of candles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.engine.tables import Setup, instrument, run, trades
from trading.engine.risk import Limits
from trading.engine.sizing import fractional
from trading.engine.types import Conversion, Costs

# --- costs


def test_commission_is_booked_in_two_halves() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0    0    -    -     -
    1000 1000 1000 1000      0    0    -    -     -
    """
    setup = Setup(costs=Costs(commission_per_lot=Decimal("5.01")))
    output = run(table, setup)
    assert output.trades["steps"].tolist() == [3]  # 100 / 25.01
    # 3 x 5.01 / 2 = 7.515, halves up
    assert output.equity.tolist() == [10000.0, 9992.48, 9984.96]
    assert output.trades["commission"].tolist() == [15.04]


FLAT = "1000 1000 1000 1000      0    1    -    -     -\n"
HELD = (
    "   O    H    L    C spread side stop take entry\n"
    + "1000 1000 1000 1000      0    1   20    -     -\n"
    + FLAT * 200
)
SWAPPED = Setup(instrument=instrument(swap_long=Decimal("-0.5"), swap_short=Decimal("0.25")))


def swap(start: datetime, hours: int, table: str = HELD) -> float:
    """Swap of 5 lots from an hour after `start` until that many hours after it."""
    lines = table.splitlines()[: hours + 2]
    (trade,) = run("\n".join(lines), replace(SWAPPED, start=start)).trades
    return float(trade["swap"])


def test_swap_is_booked_at_17_new_york() -> None:
    start = datetime(2026, 1, 5, 18, tzinfo=UTC)  # a Monday in winter: rollover at 22:00 UTC
    assert swap(start, 3) == 0.0
    assert swap(start, 4) == -2.5
    assert swap(start, 28) == -5.0


def test_swap_follows_summer_time() -> None:
    start = datetime(2026, 3, 9, 18, tzinfo=UTC)  # New York has changed: rollover at 21:00 UTC
    assert swap(start, 2) == 0.0
    assert swap(start, 3) == -2.5


def test_swap_is_triple_on_wednesday_and_nothing_at_the_weekend() -> None:
    assert swap(datetime(2026, 1, 7, 20, tzinfo=UTC), 4) == -7.5
    assert swap(datetime(2026, 1, 9, 20, tzinfo=UTC), 4) == -2.5
    assert swap(datetime(2026, 1, 10, 20, tzinfo=UTC), 30) == 0.0
    assert swap(datetime(2026, 1, 4, 23, tzinfo=UTC), 160) == -7 * 2.5


def test_swap_of_a_short_has_its_own_rate() -> None:
    table = HELD.replace("0    1 ", "0   -1 ")
    assert swap(datetime(2026, 1, 5, 18, tzinfo=UTC), 4, table) == 1.25


def test_an_entry_at_the_rollover_pays_no_swap_an_exit_at_it_does() -> None:
    rollover = datetime(2026, 1, 5, 22, tzinfo=UTC)
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0   -1   20    -     -
    1000 1000 1000 1000      0   -1    -    -     -
    """
    setup = replace(SWAPPED, start=rollover - timedelta(hours=2))
    assert run(table, setup).trades["swap"].tolist() == [-2.5, 0.0]


def test_swap_in_a_foreign_currency_converts_at_the_closing_price() -> None:
    setup = replace(
        SWAPPED,
        start=datetime(2026, 1, 5, 21, tzinfo=UTC),
        conversion=Conversion(inverse=True),
        balance=Decimal(100000),
    )
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1  500    -     -
    1000 1000 1000 1000      0    1    -    -     -
     800  800  800  800      0    1    -    -     -
    """
    late = replace(setup, start=datetime(2026, 1, 5, 20, tzinfo=UTC))
    assert run(table, late).trades["steps"].tolist() == [1000]
    assert run(table, late).trades["swap"].tolist() == [-0.62]  # -500 / 800 = -0.625, halves up
    assert run(table, setup).trades["swap"].tolist() == [0.0]


FOUR_HOURS = replace(SWAPPED, seconds=4 * 3600, start=datetime(2026, 1, 5, 16, tzinfo=UTC))
"""The second bar opens at 20:00, the rollover is at 22:00."""


@pytest.mark.parametrize(
    ("setup", "low", "close", "expected"),
    [
        (FOUR_HOURS, 980, 1000, ["1-1", -2.5]),
        (FOUR_HOURS, 990, 1000, ["1-2", -2.5]),
        (replace(FOUR_HOURS, instrument=instrument(swap_long=Decimal(1))), 980, 1000, ["1-1", 0.0]),
        (replace(FOUR_HOURS, instrument=instrument(swap_long=Decimal(1))), 990, 1000, ["1-2", 5.0]),
    ],
)
def test_a_rollover_inside_a_bar_came_before_the_exit_if_it_costs(
    setup: Setup, low: int, close: int, expected: list[object]
) -> None:
    table = f"""
       O    H    L       C    spread side stop take entry
    1000 1000 1000    1000         0    1   20    -     -
    1000 1000 {low} {close}        0    1    -    -     -
    1000 1000 1000    1000         0    1    -    -     -
    """
    (trade,) = run(table, setup).trades
    assert [f"{trade['entry_bar']}-{trade['exit_bar']}", trade["swap"]] == expected


def test_a_rollover_at_the_end_of_a_bar_is_not_inside_it() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000  980 1000      0    1    -    -     -
    1000 1000 1000 1000      0    1    -    -     -
    """
    for hours in (2, 4):
        start = datetime(2026, 1, 5, 22, tzinfo=UTC) - timedelta(hours=2 * hours)
        setup = replace(SWAPPED, start=start, seconds=hours * 3600)
        assert run(table, setup).trades["swap"].tolist() == [0.0]


def test_the_last_bar_s_rollover_is_paid_at_the_end() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0    1    -    -     -
    """
    assert run(table, FOUR_HOURS).trades["swap"].tolist() == [-2.5]


# --- stop-out


RECKLESS = Setup(leverage=100, sizing=fractional(100), limits=Limits(margin_use=Decimal(100)))
"""10,000 buys 1,000 lots at 1,000 with all of it as margin: out when 5,000 are lost."""


def reckless(stop: int, low: int, open_: int = 1000) -> list[str]:
    return trades(
        f"""
       O       H    L    C spread side stop take entry
    1000    1000 1000 1000      0    1 {stop}  -     -
    1000    1000 1000 1000      0    1    -    -     -
    {open_} 1000 {low} 1000      0    1    -    -     -
    1000    1000 1000 1000      0    1    -    -     -
    """,
        RECKLESS,
    )


def test_stop_out_closes_at_the_first_price_below_half_the_margin() -> None:
    assert reckless(stop=10, low=995) == ["1-3 long 1000 at 1000>1000 END"]
    assert reckless(stop=10, low=994) == ["1-2 long 1000 at 1000>994 STOP_OUT"]
    assert reckless(stop=10, low=980) == ["1-2 long 1000 at 1000>994 STOP_OUT"]


def test_a_stop_nearer_than_the_stop_out_comes_first() -> None:
    assert reckless(stop=5, low=980) == ["1-2 long 1000 at 1000>995 STOP"]
    assert reckless(stop=6, low=980) == ["1-2 long 1000 at 1000>994 STOP"]


def test_gap_through_the_stop_out_closes_at_the_open() -> None:
    assert reckless(stop=10, low=980, open_=992) == ["1-2 long 1000 at 1000>992 STOP_OUT"]


def test_the_price_of_the_spread_alone_can_stop_out() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   10    -     -
     994  994  994  994      6    1    -    -     -
    """
    assert trades(table, RECKLESS) == ["1-1 long 1000 at 1000>994 STOP_OUT"]


def test_margin_is_that_of_the_price_paid() -> None:
    """90 lots bought at 1,010 with a leverage of 10: out below 4,545, which is reached at 949."""
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   90    -     -
    1000 1000  940 1000      0    1    -    -     -
    """
    limits = Limits(max_lots=Decimal(90), margin_use=Decimal(100))
    setup = replace(RECKLESS, leverage=10, limits=limits, costs=Costs(slippage_ticks=10))
    assert trades(table, setup) == ["1-1 long 90 at 1010>939 STOP_OUT"]


def test_swap_counts_for_the_stop_out() -> None:
    setup = replace(
        RECKLESS,
        start=datetime(2026, 1, 5, 20, tzinfo=UTC),
        instrument=instrument(swap_long=Decimal(-5)),
    )
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   10    -     -
    1000 1000 1000 1000      0    1    -    -     -
    1000 1001  999 1000      0    1    -    -     -
    """
    assert trades(table, setup) == ["1-2 long 1000 at 1000>999 STOP_OUT"]


def test_after_a_pending_entry_the_stop_out_counts_from_the_entry() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1    9    -  1010
     990 1020  990 1010      0    1    -    -     -
    """
    (trade,) = trades(table, RECKLESS)
    assert trade == "1-1 long 990 at 1010>1004 STOP_OUT"  # 990 lots, 10 of margin each
