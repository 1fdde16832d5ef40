"""What the simulator lets in, in which size, and its pending entries, as tables of candles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.engine.tables import Setup, denials, instrument, run, slipped, trades
from trading.engine.risk import Limits
from trading.engine.sizing import fractional
from trading.engine.types import Conversion, Costs

# --- refusals


def entry_table(*, spread: int = 0, stop: object = 20, take: object = "-") -> str:
    return f"""
       O    H    L    C spread   side stop   take   entry
    1000 1000 1000 1000 {spread}    1 {stop} {take}     -
    1000 1000 1000 1000 {spread}    1 -      -          -
    """


@pytest.mark.parametrize(("spread", "expected"), [(3, {}), (4, {"SPREAD_TOO_WIDE": 1})])
def test_spread_limit(spread: int, expected: dict[str, int]) -> None:
    setup = Setup(limits=Limits(max_spread=Decimal("3.5")))
    assert denials(entry_table(spread=spread), setup) == expected


@pytest.mark.parametrize("stop", ["-", "0", "-5", "inf"])
def test_an_entry_needs_a_stop(stop: str) -> None:
    assert denials(entry_table(stop=stop)) == {"STOP_REQUIRED": 1}


@pytest.mark.parametrize("take", ["0", "-5", "inf"])
def test_a_take_that_is_no_distance_is_refused(take: str) -> None:
    assert denials(entry_table(take=take)) == {"STOP_REQUIRED": 1}


@pytest.mark.parametrize(("stop", "expected"), [(5, {"STOP_REQUIRED": 1}), (6, {})])
def test_the_stop_must_lie_beyond_the_closing_side(stop: int, expected: dict[str, int]) -> None:
    assert denials(entry_table(spread=5, stop=stop)) == expected


@pytest.mark.parametrize(
    ("stop", "take", "expected"),
    [(12, "-", {}), (11, "-", {"STOP_REQUIRED": 1}), (12, 8, {}), (12, 7, {"STOP_REQUIRED": 1})],
)
def test_least_distance_of_the_broker_counts_from_the_closing_side(
    stop: int, take: object, expected: dict[str, int]
) -> None:
    setup = Setup(instrument=instrument(stops_level=10))
    assert denials(entry_table(spread=2, stop=stop, take=take), setup) == expected


def test_a_stop_below_zero_is_refused() -> None:
    assert denials(entry_table(stop=1000), Setup(sizing=fractional(100))) == {"STOP_REQUIRED": 1}


DAILY = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1  100    -     -
    1000 1000 1000 1000      0    1    -    -     -
     800  800  800  800      0   -1   20    -     -
     800  800  800  800      0   -1    -    -     -
    """
"""A gap through the stop costs two percent."""


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("2.2", {}), ("2", {"VOLUME_BELOW_MIN": 1}), ("1.99", {"DAILY_LOSS": 1})],
)
def test_daily_loss_limit_blocks_below_the_floor_only(limit: str, expected: dict[str, int]) -> None:
    setup = Setup(limits=Limits(daily_loss=Decimal(limit), margin_use=Decimal(100)))
    assert denials(DAILY, setup) == expected


def test_daily_loss_counts_from_the_new_day_at_the_rollover() -> None:
    limits = Limits(daily_loss=Decimal(1), margin_use=Decimal(100))
    rollover = datetime(2026, 1, 6, 22, tzinfo=UTC)
    before, at = rollover - timedelta(hours=4), rollover - timedelta(hours=3)
    assert denials(DAILY, Setup(limits=limits, start=before)) == {"DAILY_LOSS": 1}
    assert denials(DAILY, Setup(limits=limits, start=at)) == {}


def test_the_day_starts_with_the_higher_of_balance_and_equity() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0    1    -    -     -
    1100 1100 1100 1100      0    1    -    -     -
    1100 1100 1000 1000      0    -1  20    -     -
    1000 1000 1000 1000      0   -1    -    -     -
    """
    limits = Limits(daily_loss=Decimal(4), margin_use=Decimal(100))
    rollover = datetime(2026, 1, 6, 22, tzinfo=UTC)
    for hours, refused in ((2, {"DAILY_LOSS": 1}), (4, {})):
        setup = Setup(limits=limits, start=rollover - timedelta(hours=hours))
        assert denials(table, setup) == refused


def test_volume_below_the_minimum_is_refused_not_rounded_up() -> None:
    assert denials(entry_table(stop=101)) == {"VOLUME_BELOW_MIN": 1}
    assert trades(entry_table(stop=100)) == ["1-1 long 1 at 1000>1000 END"]


# --- size


def lots(table: str, setup: Setup) -> int:
    (trade,) = run(table, setup).trades
    return int(trade["steps"])


def test_lots_are_floored() -> None:
    assert lots(entry_table(stop=34), Setup()) == 2


def test_commission_and_slippage_on_both_sides_count_as_loss() -> None:
    costs = Costs(commission_per_lot=Decimal(8), slippage_ticks=3)
    assert lots(entry_table(stop=20), Setup(costs=costs)) == 2  # 100 / (20 + 6 + 8)


def test_size_is_capped_by_broker_and_by_the_largest_order() -> None:
    limits = Limits(max_lots=Decimal("2.9"), margin_use=Decimal(100))
    assert lots(entry_table(), Setup(instrument=instrument(volume_max=Decimal(3)))) == 3
    assert lots(entry_table(), Setup(limits=limits)) == 2


def test_size_is_capped_by_margin() -> None:
    setup = Setup(leverage=1, limits=Limits(margin_use=Decimal(45)))
    assert lots(entry_table(), setup) == 4  # 4,500 / 1,000


def test_size_follows_the_balance() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000  900  900      0   -1   20    -     -
     900  900  900  900      0   -1    -    -     -
    """
    assert trades(table, Setup(sizing=fractional(20))) == [
        "1-1 long 100 at 1000>980 STOP",
        "2-2 short 80 at 900>900 END",
    ]


def test_an_inverse_rate_sizes_by_its_worst_and_pays_at_the_exit() -> None:
    setup = Setup(conversion=Conversion(inverse=True), sizing=fractional("0.01"))
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1  500    -     -
    1000 1000 1000 1000      0    0    -    -     -
    1250 1250 1250 1250      0    0    -    -     -
    """
    (trade,) = run(table, setup).trades
    assert trade["steps"] == 1  # a lot loses 500 / 500 = 1 at the stop
    assert trade["risk"] == 1.0
    assert trade["profit"] == 0.20  # 250 / 1250


def test_a_rate_per_bar_converts_at_the_bar_of_the_exit() -> None:
    setup = Setup(rates=(1.0, 0.5, 0.25))
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0    0    -    -     -
    1004 1004 1004 1004      0    0    -    -     -
    """
    (trade,) = run(table, setup).trades
    assert trade["steps"] == 10
    assert trade["profit"] == 10.0  # 4 ticks x 10 lots x 0.25


# --- pending entries


def pending(side: int, entry: float, bar: str, setup: Setup | None = None) -> list[str]:
    """An entry of 1000 >< `entry` with stop and take at 20, resting in one bar of spread 2."""
    return trades(
        f"""
       O    H    L    C spread   side stop take entry
    1000 1000 1000 1000      2 {side}   20   20 {entry}
    {bar}                    2 {side}    -    -     -
    1000 1000 1000 1000      2 {side}    -    -     -
    """,
        setup,
    )


def test_buy_stop_waits_for_the_ask() -> None:
    assert pending(1, 1010, "1000 1007  995 1000") == []
    assert pending(1, 1010, "1000 1008  995 1000") == ["1-2 long 5 at 1010>1000 END"]


def test_sell_stop_waits_for_the_bid() -> None:
    assert pending(-1, 990, "1000 1005  991 1000") == []
    assert pending(-1, 990, "1000 1005  990 1000") == ["1-2 short 5 at 990>1002 END"]


def test_buy_limit_waits_for_the_ask() -> None:
    assert pending(1, 995, "1000 1005  994 1000") == []
    assert pending(1, 995, "1000 1005  993 1000") == ["1-2 long 5 at 995>1000 END"]


def test_sell_limit_waits_for_the_bid() -> None:
    assert pending(-1, 1005, "1000 1004  995 1000") == []
    assert pending(-1, 1005, "1000 1005  995 1000") == ["1-2 short 5 at 1005>1002 END"]


def test_a_stop_entry_slips_and_a_limit_entry_does_not() -> None:
    setup = replace(slipped(3), balance=Decimal(2600))
    assert pending(1, 1010, "1000 1008  995 1000", setup) == ["1-2 long 1 at 1013>997 END"]
    assert pending(1, 995, "1000 1005  993 1000", setup) == ["1-2 long 1 at 995>997 END"]


def test_an_entry_at_the_quote_is_a_market_order() -> None:
    setup = replace(slipped(3), balance=Decimal(2600))
    assert pending(1, 1002, "1000 1005  995 1000", setup) == ["1-2 long 1 at 1005>997 END"]


def test_the_open_decides_whether_a_price_is_a_stop_or_a_limit() -> None:
    setup = replace(slipped(3), balance=Decimal(2600))
    assert pending(1, 1010, "1020 1025 1008 1020", setup) == ["1-2 long 1 at 1010>997 END"]


def test_a_pending_entry_lives_for_one_bar() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20   20  1010
    1000 1009  995 1000      0    1   20   20  1010
    1000 1020  995 1000      0    1    -    -     -
    """
    assert trades(table) == []


def test_an_entry_price_between_two_ticks_rounds_to_the_nearest_halves_up() -> None:
    assert pending(1, 1009.5, "1000 1008  995 1000") == ["1-2 long 5 at 1010>1000 END"]
    assert pending(1, 1009.4, "1000 1007  995 1000") == ["1-2 long 5 at 1009>1000 END"]


def test_the_size_of_a_pending_entry_counts_from_its_price() -> None:
    setup = Setup(leverage=1)
    assert pending(1, 1010, "1000 1008  995 1000", setup) == ["1-2 long 5 at 1010>1000 END"]
    more = replace(setup, balance=Decimal(5049), sizing=fractional(2))
    assert pending(1, 1010, "1000 1008  995 1000", more) == ["1-2 long 4 at 1010>1000 END"]


def test_stop_entry_whose_bar_reaches_the_stop_is_stopped() -> None:
    assert pending(1, 1010, "1000 1008  990 1005") == ["1-1 long 5 at 1010>990 STOP"]
    assert pending(-1, 990, "1000 1008  990  995") == ["1-1 short 5 at 990>1010 STOP"]


def test_stop_entry_whose_bar_reaches_the_take_takes() -> None:
    assert pending(1, 1010, "1000 1030  995 1000") == ["1-1 long 5 at 1010>1030 TAKE"]
    assert pending(-1, 990, "1000 1005  968 1000") == ["1-1 short 5 at 990>970 TAKE"]


def test_limit_entry_takes_in_its_bar_only_where_the_close_is_beyond() -> None:
    assert pending(1, 995, "1000 1030  990 1014") == ["1-2 long 5 at 995>1000 END"]
    assert pending(1, 995, "1000 1030  990 1015") == ["1-1 long 5 at 995>1015 TAKE"]
    assert pending(-1, 1005, "1000 1010  970  984") == ["1-2 short 5 at 1005>1002 END"]
    assert pending(-1, 1005, "1000 1010  970  983") == ["1-1 short 5 at 1005>985 TAKE"]


def test_limit_entry_whose_bar_goes_on_to_the_stop_is_stopped() -> None:
    assert pending(1, 995, "1000 1030  975 1020") == ["1-1 long 5 at 995>975 STOP"]


def test_limits_are_asked_before_a_pending_entry_rests() -> None:
    setup = Setup(limits=Limits(max_spread=Decimal(1)))
    assert pending(1, 1010, "1000 1020  995 1000", setup) == []
