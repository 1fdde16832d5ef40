"""The simulator's fills, levels, signals and marks as tables of candles (`tests.engine.tables`)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.engine.tables import NOON, Setup, denials, instrument, run, slipped, trades

# --- fills at the open


def test_signal_fills_at_next_open_and_buys_at_the_ask() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2    1   20    -     -
    1005 1006 1004 1005      3    0    -    -     -
    1007 1007 1007 1007      3    0    -    -     -
    """
    assert trades(table) == ["1-2 long 5 at 1008>1007 SIGNAL"]


def test_short_sells_at_the_bid_and_covers_at_the_ask() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2   -1   20    -     -
    1005 1006 1004 1005      3    0    -    -     -
    1007 1007 1007 1007      4    0    -    -     -
    """
    assert trades(table) == ["1-2 short 5 at 1005>1011 SIGNAL"]


def test_slippage_is_against_us_on_the_way_in_and_out() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   94    -     -
    1000 1000 1000 1000      0   -1   94    -     -
    1000 1000 1000 1000      0    0    -    -     -
    1000 1000 1000 1000      0    0    -    -     -
    """
    setup = replace(slipped(3), balance=Decimal(10100))
    expected = ["1-2 long 1 at 1003>997 SIGNAL", "2-3 short 1 at 997>1003 SIGNAL"]
    assert trades(table, setup) == expected


def test_signal_of_the_last_bar_is_never_filled() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    0    -    -     -
    1000 1000 1000 1000      0    1   20    -     -
    """
    assert trades(table) == []


def test_position_open_at_the_end_closes_at_the_last_close() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0   -1   94    -     -
    1000 1001  999 1000      0   -1    -    -     -
    1000 1004  998 1002      4   -1    -    -     -
    """
    assert trades(table, slipped(3)) == ["1-2 short 1 at 997>1009 END"]


# --- stops and takes


@pytest.mark.parametrize(("low", "expected"), [(982, "1-2 long 5 at 1002>982 STOP"), (983, None)])
def test_long_stop_is_judged_on_the_bid(low: int, expected: str | None) -> None:
    table = f"""
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2    1   20    -     -
    1000 1005  990 1000      2    1    -    -     -
    1000 1005 {low} 1000      9    1    -    -     -
    1000 1000 1000 1000      2    0    -    -     -
    """
    end = "1-3 long 5 at 1002>1000 END"
    assert trades(table) == [expected or end]


@pytest.mark.parametrize(
    ("high", "expected"), [(1018, "1-2 short 5 at 1000>1020 STOP"), (1017, None)]
)
def test_short_stop_is_judged_on_the_ask(high: int, expected: str | None) -> None:
    table = f"""
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2   -1   20    -     -
    1000 1005  990 1000      2   -1    -    -     -
    1000 {high} 990 1000      2   -1    -    -     -
    1000 1000 1000 1000      2   -1    -    -     -
    """
    assert trades(table) == [expected or "1-3 short 5 at 1000>1002 END"]


def test_a_stop_slips() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   94    -     -
    1000 1000  800 1000      0    1    -    -     -
    """
    assert trades(table, slipped(3)) == ["1-1 long 1 at 1003>903 STOP"]


def test_levels_count_from_the_price_before_slippage() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0   -1   44   50     -
    1000 1000  950  950      0   -1    -    -     -
    """
    assert trades(table, slipped(3)) == ["1-1 short 2 at 997>950 TAKE"]


@pytest.mark.parametrize(
    ("high", "expected"), [(1032, "1-2 long 5 at 1002>1032 TAKE"), (1031, None)]
)
def test_long_take_is_judged_on_the_bid_and_does_not_slip(high: int, expected: str | None) -> None:
    table = f"""
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2    1   20   30     -
    1000 1000  990 1000      2    1    -    -     -
    1000 {high} 990 1000      2    1    -    -     -
    1000 1000 1000 1000      2    1    -    -     -
    """
    assert trades(table) == [expected or "1-3 long 5 at 1002>1000 END"]


@pytest.mark.parametrize(("low", "expected"), [(968, "1-2 short 5 at 1000>970 TAKE"), (969, None)])
def test_short_take_is_judged_on_the_ask(low: int, expected: str | None) -> None:
    table = f"""
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2   -1   20   30     -
    1000 1000 1000 1000      2   -1    -    -     -
    1000 1010 {low} 1000      2   -1    -    -     -
    1000 1000 1000 1000      2   -1    -    -     -
    """
    assert trades(table) == [expected or "1-3 short 5 at 1000>1002 END"]


def test_a_take_fills_without_slippage() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   94   30     -
    1000 1040 1000 1040      0    1    -    -     -
    """
    assert trades(table, slipped(3)) == ["1-1 long 1 at 1003>1030 TAKE"]


@pytest.mark.parametrize("side", [1, -1])
def test_when_stop_and_take_lie_in_one_bar_the_stop_came_first(side: int) -> None:
    table = f"""
       O    H    L    C spread side   stop take entry
    1000 1000 1000 1000      0 {side}   20   20     -
    1000 1005  995 1000      0 {side}    -    -     -
    1000 1030  970 1030      0 {side}    -    -     -
    """
    exit_ = 1000 - 20 * side
    assert [t.split(" at ")[1] for t in trades(table)] == [f"1000>{exit_} STOP"]


def test_gap_through_the_stop_fills_at_the_open_and_slips() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   94    -     -
    1000 1000 1000 1000      0    1    -    -     -
     850  990  840  900      0    1    -    -     -
    """
    assert trades(table, slipped(3)) == ["1-2 long 1 at 1003>847 STOP"]


def test_gap_through_the_take_fills_at_the_better_open_without_slippage() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0   -1   94   20     -
    1000 1000 1000 1000      0   -1    -    -     -
     950  960  900  950      5   -1    -    -     -
    """
    assert trades(table, slipped(3)) == ["1-2 short 1 at 997>955 TAKE"]


@pytest.mark.parametrize(("open_", "reason"), [(980, "STOP"), (1030, "TAKE"), (1029, "SIGNAL")])
def test_an_open_at_a_level_comes_before_the_signal(open_: int, reason: str) -> None:
    table = f"""
       O       H       L       C    spread side stop take entry
    1000    1000    1000    1000         0    1   20   30     -
    1000    1000    1000    1000         0    0    -    -     -
    {open_} {open_} {open_} {open_}      0    0    -    -     -
    """
    assert trades(table) == [f"1-2 long 5 at 1000>{open_} {reason}"]


def test_a_wider_spread_alone_reaches_the_stop_of_a_short() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2   -1   20    -     -
    1000 1000 1000 1000      2   -1    -    -     -
    1000 1000 1000 1000     25   -1    -    -     -
    """
    assert trades(table) == ["1-2 short 5 at 1000>1025 STOP"]


# --- signals


def test_reversal_closes_and_opens_at_one_open() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2    1   20    -     -
    1000 1000 1000 1000      2   -1   20    -     -
    1003 1003 1003 1003      2   -1    -    -     -
    """
    assert trades(table) == [
        "1-2 long 5 at 1002>1003 SIGNAL",
        "2-2 short 5 at 1003>1005 END",
    ]


def test_no_entry_after_a_stop_until_the_side_changes() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000  970 1000      0    1   20    -     -
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0    0    -    -     -
    1000 1000 1000 1000      0    1   20    -     -
    1001 1001 1001 1001      0    1    -    -     -
    """
    assert trades(table) == ["1-1 long 5 at 1000>980 STOP", "5-5 long 4 at 1001>1001 END"]


def test_no_entry_after_a_gap_through_the_stop_until_the_side_changes() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0    1   20    -     -
     970  970  970  970      0    1   20    -     -
     970  970  970  970      0    1   20    -     -
    """
    assert trades(table) == ["1-2 long 5 at 1000>970 STOP"]


def test_levels_of_an_open_position_do_not_move_with_later_rows() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0    1    5    5     -
    1000 1010  990 1000      0    1    5    5     -
    """
    assert trades(table) == ["1-2 long 5 at 1000>1000 END"]


def test_gap_stop_and_a_fresh_signal_share_an_open() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0   -1   20    -     -
     900  900  900  900      0   -1    -    -     -
    """
    assert trades(table) == ["1-2 long 5 at 1000>900 STOP", "2-2 short 4 at 900>900 END"]


def test_a_refused_entry_is_not_tried_again_while_the_side_stays() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1    -    -     -
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0    1   20    -     -
    """
    assert trades(table) == []
    assert denials(table) == {"STOP_REQUIRED": 1}


def test_a_refused_reversal_still_closes() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   20    -     -
    1000 1000 1000 1000      0   -1    -    -     -
    1000 1000 1000 1000      0   -1    -    -     -
    """
    assert trades(table) == ["1-2 long 5 at 1000>1000 SIGNAL"]


# --- marks


def test_equity_is_marked_at_the_close_on_the_closing_side() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2    1   20    -     -
    1000 1010 1000 1010      2   -1   20    -     -
    1010 1010 1000 1000      4    0    -    -     -
    1000 1000 1000 1000      4    0    -    -     -
    """
    # long 5: +8 x 5; booked, then short 5 at 1010: 1010 - 1004 = 6 x 5
    assert run(table).equity.tolist() == [10000.0, 10040.0, 10070.0, 10070.0]


def test_worst_and_best_price_are_of_the_closing_side() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2   -1   50    -     -
    1000 1010  995 1000      2   -1    -    -     -
    1000 1020  980 1000      3   -1    -    -     -
    """
    (trade,) = run(table).trades
    assert (trade["worst"], trade["best"]) == (1023.0, 983.0)


def test_a_position_sees_nothing_beyond_its_exit() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1   94   30     -
    1000 1010  995 1000      0   {}    -    -     -
    1000 1050  {} 1000      0    1    -    -     -
    """
    (stopped,) = run(table.format(1, 800), slipped(3)).trades
    assert (stopped["worst"], stopped["best"]) == (903.0, 1010.0)
    (taken,) = run(table.format(1, 990), slipped(3)).trades
    assert (taken["worst"], taken["best"]) == (990.0, 1030.0)


def test_the_stop_on_record_is_the_one_of_the_entry() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2    1   20    -     -
    1000 1000 1000 1000      2    1   10    -     -
    """
    (trade,) = run(table).trades
    assert trade["stop"] == 982


def test_same_input_gives_the_same_bytes() -> None:
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      2    1   20    -     -
    1000 1005  995 1001      2   -1   20   10     -
    1000 1005  985 1001      2    1   20   10   999
    1000 1005  985 1001      2    1    -    -     -
    """
    first, second = run(table), run(table)
    assert len(first.trades) == 3
    assert first.trades.tobytes() == second.trades.tobytes()
    assert first.equity.tobytes() == second.equity.tobytes()


def test_without_bars_there_is_nothing() -> None:
    output = run("O H L C spread side stop take entry")
    assert (len(output.trades), len(output.equity), output.denials.sum()) == (0, 0, 0)


def test_money_is_booked_in_cents() -> None:
    setup = Setup(instrument=instrument(contract_size=Decimal("0.333")), start=NOON)
    table = """
       O    H    L    C spread side stop take entry
    1000 1000 1000 1000      0    1  300    -     -
    1000 1000 1000 1000      0    0    -    -     -
    1001 1001 1001 1001      0    0    -    -     -
    """
    output = run(table, setup)
    assert output.trades["profit"].tolist() == [0.33]
    assert output.equity[-1] == 10000.33
