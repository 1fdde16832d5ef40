"""Stops that follow the market, as tables of candles."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.engine.tables import Setup, denials, instrument, run, slipped, trades

LONG = """
   O    H    L    C spread side stop take entry trail
1000 1000 1000 1000      0    1   20    -     -    10
1000 1030  985 1015      0    1    -    -     -     -
1015 1035 1006 1030      0    1    -    -     -     -
1030 1031 {}   1022      0    1    -    -     -     -
1022 1022 1021 1021      0    1    -    -     -     -
"""
"""Stops of 980, then of 1005 and 1020, each a trail behind a close."""


def test_the_stop_follows_every_close_from_the_next_open_on() -> None:
    assert trades(LONG.format(1020)) == ["1-3 long 5 at 1000>1020 STOP"]


def test_the_stop_is_never_loosened() -> None:
    assert run(LONG.format(1021)).trades["last_stop"].tolist() == [1020]
    assert trades(LONG.format(1021)) == ["1-4 long 5 at 1000>1021 END"]


def test_the_close_of_the_signal_moves_nothing() -> None:
    """A stop 10 behind the close of row 0 would have been hit by the low of 985."""
    assert run(LONG.format(1020)).trades["exit_bar"].tolist() == [3]


def test_extremes_inside_a_bar_move_nothing() -> None:
    table = """
       O    H    L    C spread side stop take entry trail
    1000 1000 1000 1000      0    1   20    -     -    10
    1000 1100  985  995      0    1    -    -     -     -
     995  995  986  990      0    1    -    -     -     -
     990  990  985  985      0    1    -    -     -     -
    """
    assert trades(table) == ["1-3 long 5 at 1000>985 STOP"]


def test_the_stop_of_a_short_follows_the_ask() -> None:
    table = """
       O    H    L    C spread side stop take entry trail
    1000 1000 1000 1000      2   -1   20    -     -    10
    1000 1000  980  980      3   -1    -    -     -     -
     980  988  980  981      4   -1    -    -     -     -
     981  989  981  989      4   -1    -    -     -     -
    """
    assert trades(table) == ["1-3 short 5 at 1000>993 STOP"]


@pytest.mark.parametrize(("trail", "stop"), [("10", 1005), ("10.1", 1004), ("0.2", 1014)])
def test_the_trail_is_rounded_up(trail: str, stop: int) -> None:
    table = f"""
       O    H    L    C spread side stop take entry   trail
    1000 1000 1000 1000      0    1   20    -     - {trail}
    1000 1015 1000 1015      0    1    -    -     -       -
    1015 1015 1015 1015      0    1    -    -     -       -
    """
    assert run(table).trades["last_stop"].tolist() == [stop]


def test_noise_of_floats_adds_no_tick() -> None:
    cents = Setup(instrument=instrument(tick_size=Decimal("0.01")))
    table = """
       O    H    L    C spread side stop take entry trail
    1000 1000 1000 1000      0    1   20    -     -     7
    1000 1015 1000 1015      0    1    -    -     -     -
    1015 1015 1015 1015      0    1    -    -     -     -
    """
    assert 7 * 0.01 / 0.01 > 7
    assert run(table, cents).trades["last_stop"].tolist() == [1008]


def test_the_trail_is_that_of_the_signal_that_entered() -> None:
    assert run(LONG.replace("-\n", "1\n").format(1020)).trades["exit"].tolist() == [1020]


@pytest.mark.parametrize("open_", [1005, 1004, 990])
def test_a_position_that_opens_beyond_where_its_stop_should_go_is_closed(open_: int) -> None:
    """No broker would set that stop any more."""
    table = f"""
         O    H     L    C spread side stop take entry trail
      1000 1000  1000 1000      0    1   20    -     -    10
      1000 1015  1000 1015      0    1    -    -     -     -
    {open_} 1015  980 1000      0    1    -    -     -     -
    """
    exit_ = open_ - 3
    assert trades(table, slipped(3)) == [f"1-2 long 3 at 1003>{exit_} SIGNAL"]


def test_the_stop_before_it_comes_first() -> None:
    table = """
         O    H     L    C spread side stop take entry trail
      1000 1000  1000 1000      0    1   20    -     -    10
      1000 1015  1000 1015      0    1    -    -     -     -
       980  980   980  980      0    1    -    -     -     -
    """
    assert trades(table) == ["1-2 long 5 at 1000>980 STOP"]
    assert run(table).trades["last_stop"].tolist() == [980]


@pytest.mark.parametrize(("open_", "stop"), [(1009, 980), (1010, 1005)])
def test_what_is_too_near_for_the_broker_stays_until_the_next_close(open_: int, stop: int) -> None:
    setup = Setup(instrument=instrument(stops_level=5))
    table = f"""
         O    H     L    C spread side stop take entry trail
      1000 1000  1000 1000      0    1   20    -     -    10
      1000 1015  1000 1015      0    1    -    -     -     -
    {open_} 1018  1008 1018      0    1    -    -     -     -
    """
    assert run(table, setup).trades["last_stop"].tolist() == [stop]
    later = table + "      1018 1018  1018 1018      0    1    -    -     -     -\n"
    assert run(later, setup).trades["last_stop"].tolist() == [1008]


def test_what_was_too_near_is_forgotten_with_the_next_close() -> None:
    setup = Setup(instrument=instrument(stops_level=5))
    table = """
       O    H    L    C spread side stop take entry trail
    1000 1000 1000 1000      0    1   20    -     -    10
    1000 1015 1000 1015      0    1    -    -     -     -
    1009 1010 1008 1010      0    1    -    -     -     -
    1010 1010 1003 1003      0    1    -    -     -     -
    """
    assert trades(table, setup) == ["1-3 long 5 at 1000>1003 END"]


@pytest.mark.parametrize("trail", ["0", "-5", "inf"])
def test_a_trail_that_is_no_distance_is_refused(trail: str) -> None:
    assert denials(LONG.replace("10\n", f"{trail}\n", 1).format(1020)) == {"STOP_REQUIRED": 1}


def test_a_take_and_a_signal_end_it_as_ever() -> None:
    table = """
       O    H    L    C spread side stop take entry trail
    1000 1000 1000 1000      0    1   20 {}       -    10
    1000 1015 1000 1015      0    1    -    -     -     -
    1015 1018 1010 1018      0    0    -    -     -     -
    1018 1018 1018 1018      0    0    -    -     -     -
    """
    assert trades(table.format(17)) == ["1-2 long 5 at 1000>1017 TAKE"]
    assert trades(table.format("-")) == ["1-3 long 5 at 1000>1018 SIGNAL"]


def test_a_pending_entry_follows_from_the_close_of_its_bar() -> None:
    table = """
       O    H    L    C spread side stop take entry trail
    1000 1000 1000 1000      0    1   20    -  1010    10
    1000 1030  995 1025      0    1    -    -     -     -
    1025 1025 1014 1014      0    1    -    -     -     -
    """
    assert trades(table) == ["1-2 long 5 at 1010>1015 STOP"]


def test_risk_and_excursions_are_measured_by_the_first_stop() -> None:
    (trade,) = run(LONG.format(1020)).trades
    assert (trade["stop"], trade["last_stop"], trade["risk"]) == (980, 1020, 100.0)
