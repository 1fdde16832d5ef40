"""`manage.py importnews`: what it prints, and how it says no."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.engine.test_news import EXPORT
from trading.models import NewsEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "week.csv"
    path.write_text(EXPORT)
    return path


def importnews(file: Path, *options: str) -> str:
    out = StringIO()
    call_command("importnews", str(file), *options, stdout=out)
    return out.getvalue()


def test_what_became_of_the_file_is_said(file: Path) -> None:
    said = "week.csv: 3 added, 0 known, 0 revised, 0 removed, 2 left out\n"
    assert importnews(file, "--source", "mine", "--zone", "America/New_York") == said
    assert NewsEvent.objects.get(source="mine", currency="USD").at.hour == 18


def test_a_file_may_be_the_whole_word(file: Path) -> None:
    importnews(file)
    file.write_text(EXPORT.replace("13:15", "13:45"))
    assert "1 removed" in importnews(file, "--replace")


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "week.csv: Expected a header"), (None, "week.csv: No such file")],
)
def test_what_cannot_be_read_is_said(file: Path, text: str | None, message: str) -> None:
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    with pytest.raises(CommandError, match=message):
        importnews(file)
