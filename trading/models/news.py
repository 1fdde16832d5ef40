"""The calendar of economic news."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.timezone import now

from trading.engine.news import Impact


class NewsEvent(models.Model):
    """One release, for the currency it moves; ALL moves every symbol."""

    at = models.DateTimeField(help_text="UTC")
    currency = models.CharField(
        max_length=3,
        validators=[RegexValidator(r"^[A-Z]{3}$", "Expected a code such as USD, or ALL")],
    )
    impact = models.CharField(
        max_length=6,
        choices=[(impact.value, impact.value.capitalize()) for impact in Impact],
        default=Impact.HIGH.value,
        help_text="Only news of high impact keep entries out",
    )
    title = models.CharField(max_length=120)
    source = models.CharField(max_length=40, default="calendar", help_text="Who says so")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "at", "currency", "title"], name="news_event_once"
            ),
        ]
        indexes = [
            # what is near a moment, and how far the calendar reaches
            models.Index(fields=["at"], name="news_event_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.currency} {self.title}"
