"""A calendar is imported whole, and importing it again changes nothing."""

import pytest

from tests.engine.test_news import EXPORT
from tests.factories import make_news
from trading.engine.types import EngineError
from trading.models import Event, NewsEvent
from trading.services.news import NewsImported, news_import

pytestmark = pytest.mark.django_db


def imported(text: str = EXPORT, source: str = "calendar", replace: bool = False) -> NewsImported:
    return news_import(content=text.encode(), source=source, actor="x", replace=replace)


def test_importing_again_changes_nothing() -> None:
    assert imported() == NewsImported(added=3, known=0, revised=0, removed=0, left_out=2)
    before = list(NewsEvent.objects.values())
    assert imported() == NewsImported(added=0, known=3, revised=0, removed=0, left_out=2)
    assert list(NewsEvent.objects.values()) == before
    told = Event.objects.latest("id")
    assert told.kind == "news.imported"
    assert told.message.endswith("by x: 0 added, 3 known, 0 revised, 0 removed, 2 left out")


def test_what_is_expected_to_matter_more_is_revised() -> None:
    imported()
    assert imported(EXPORT.replace("12:30am,Low", "12:30am,High")).revised == 1
    assert NewsEvent.objects.get(currency="AUD").impact == "HIGH"


def test_what_was_put_off_is_kept_twice_unless_the_file_is_the_whole_word() -> None:
    imported()
    later = EXPORT.replace("13:15", "14:15")
    assert imported(later).added == 1
    assert NewsEvent.objects.filter(currency="EUR").count() == 2
    assert imported(later, replace=True).removed == 1
    assert NewsEvent.objects.get(currency="EUR").at.hour == 14


def test_other_sources_and_other_weeks_are_left_alone() -> None:
    make_news(source="calendar")
    imported(source="other")
    imported(replace=True)
    assert NewsEvent.objects.count() == 7


def test_a_bad_row_stores_nothing() -> None:
    with pytest.raises(EngineError, match="Row 3, column date"):
        imported(EXPORT.replace("03-05-2026", "31-31-2026"))
    assert not NewsEvent.objects.exists()


def test_of_a_repetition_the_higher_impact_counts() -> None:
    twice = EXPORT + "Trade Balance,AUD,03-04-2026,12:30am,High,,,\n"
    assert imported(twice).added == 3
    assert NewsEvent.objects.get(currency="AUD").impact == "HIGH"
