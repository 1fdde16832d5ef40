"""Hours as people write them, on the clock of their zone."""

from datetime import UTC, datetime

import pytest

from trading.engine.hours import hours_of
from trading.engine.types import EngineError

LONDON = "Mon-Fri 08:00-17:00 Europe/London"


@pytest.mark.parametrize(
    ("text", "now", "is_open"),
    [
        (LONDON, "2026-03-27 08:00", True),
        (LONDON, "2026-03-27 07:59", False),
        (LONDON, "2026-03-27 17:00", False),
        (LONDON, "2026-03-28 12:00", False),
        (LONDON, "2026-03-30 07:00", True),  # the clock has changed
        (LONDON, "2026-03-30 16:00", False),
        (LONDON, "2026-10-26 07:59", False),  # and changed back
        ("22:00-02:00", "2026-03-30 01:59", True),
        ("22:00-02:00", "2026-03-30 02:00", False),
        ("Fri-Mon 10:00-11:00, Wed 9:00-24:00", "2026-03-29 10:30", True),
        ("Fri-Mon 10:00-11:00, Wed 9:00-24:00", "2026-03-31 10:30", False),
        ("Fri-Mon 10:00-11:00, Wed 9:00-24:00", "2026-04-01 23:59", True),
        ("sun 23:00 - 23:30 America/New_York+7", "2026-03-29 20:15", True),
        ("", "2026-03-28 12:00", True),
    ],
)
def test_hours_follow_the_zones_clock(text: str, now: str, is_open: bool) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert hours_of(text).is_open(moment) is is_open


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("always", "hours such as Mon-Fri 08:00-17:00 Europe/London, was 'always'"),
        ("Mon-Fri 8-17", "was 'Mon-Fri 8-17'"),
        ("Mon 08:00-17:00,", "hours such as .*, was"),
        ("Moo 08:00-17:00", "a weekday such as Mon, was 'Moo'"),
        ("08:00-25:00", "a time of day"),
        ("08:00-17:00 Mars/Phobos", "Mars/Phobos"),
    ],
)
def test_hours_that_cannot_be_read_say_so(text: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        hours_of(text)
