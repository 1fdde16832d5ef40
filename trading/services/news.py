"""The calendar of news, as files bring it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from trading.engine.news import NewsItem, news_parse
from trading.models import NewsEvent
from trading.services.events import Happening, event_append

Key = tuple[object, str, str]


@dataclass(frozen=True, slots=True)
class NewsImported:
    """What a file changed; holidays and what has no time were left out."""

    added: int
    known: int
    revised: int
    removed: int
    left_out: int

    def __str__(self) -> str:
        return (
            f"{self.added} added, {self.known} known, {self.revised} revised,"
            f" {self.removed} removed, {self.left_out} left out"
        )


@transaction.atomic
def news_import(
    *, content: bytes, source: str, actor: str, zone: str = "UTC", replace: bool = False
) -> NewsImported:
    """Add the news of a file to what a source has said; the same file again changes nothing.

    With `replace` the file is the source's whole word on the time from its first to its last
    news: what else it had said of it goes, such as the old time of what was put off. Raises
    EngineError naming row and column; then nothing is stored.
    """
    file = news_parse(content, zone)
    items: dict[Key, NewsItem] = {}
    for item in file.items:  # of a repetition the higher impact, which is first
        items.setdefault((item.at, item.currency, item.title), item)
    stored = _stored(source, file.items)
    new = [item for key, item in items.items() if key not in stored]
    revised = [
        (stored[key].pk, item)
        for key, item in items.items()
        if key in stored and stored[key].impact != item.impact
    ]
    gone = [row.pk for key, row in stored.items() if key not in items] if replace else []
    NewsEvent.objects.bulk_create((_row(item, source) for item in new), ignore_conflicts=True)
    for pk, item in revised:
        NewsEvent.objects.filter(pk=pk).update(impact=item.impact.value)
    NewsEvent.objects.filter(pk__in=gone).delete()
    known = len(items) - len(new) - len(revised)
    done = NewsImported(len(new), known, len(revised), len(gone), file.left_out)
    _tell(source, actor, done)
    return done


def _stored(source: str, items: tuple[NewsItem, ...]) -> dict[Key, NewsEvent]:
    """What the source has said of the time that the items are of."""
    if not items:
        return {}
    span = (items[0].at, items[-1].at)
    rows = NewsEvent.objects.select_for_update().filter(source=source, at__range=span)
    return {(row.at, row.currency, row.title): row for row in rows}


def _row(item: NewsItem, source: str) -> NewsEvent:
    return NewsEvent(
        at=item.at,
        currency=item.currency,
        impact=item.impact.value,
        title=item.title,
        source=source,
    )


def _tell(source: str, actor: str, done: NewsImported) -> None:
    message = f"News of {source} imported by {actor}: {done}"
    event_append(
        happening=Happening(kind="news.imported", message=message, payload={"source": source})
    )
