"""Limits as tables on the pages of accounts and deployments."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import now

from trading.admin.base import NOTHING
from trading.engine.risk import Limit, Subject
from trading.engine.types import EngineError
from trading.models import Account, Deployment
from trading.selectors.progress import progress_of
from trading.selectors.risk import limit_set_of
from trading.selectors.signals import signal_counts
from trading.selectors.standing import Standing, standings_of

DAYS = 7
"""Signals are counted so far back."""
Row = Iterable[object]


def table(heads: Iterable[str], rows: Iterable[Row]) -> SafeString:
    """Plain rows under heads."""
    head = format_html_join("", "<th>{}</th>", ((text,) for text in heads))
    cells = ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows)
    body = format_html_join("", "<tr>{}</tr>", cells)
    return format_html(
        '<table class="tb-parameters"><thead><tr>{}</tr></thead>{}</table>', head, body
    )


def limits_in_force(deployment: Deployment | None) -> SafeString | str:
    """Every limit that holds for a deployment, and where it was set."""
    if deployment is None or deployment.pk is None:
        return NOTHING
    try:
        limits = limit_set_of(deployment=deployment)
    except EngineError as e:
        return format_html("<strong>No entries: {}</strong>", e)
    rows = ((limit.spec.label, limit.words, terms_words(limit), *_end(limit)) for limit in limits)
    return table(("Limit", "Value", "Terms", "At a breach", "Set for"), rows)


def standing(account: Account) -> SafeString | str:
    """The limits that say something of an account as it is."""
    try:
        found = standings_of(account=account)
    except EngineError as e:
        return format_html("<strong>No entries: {}</strong>", e)
    if not found:
        return NOTHING
    heads = ("Limit", "Value", "Terms", "Now", "Bound", "Used", "At a breach", "Set for")
    return table(heads, (_standing_row(row) for row in found))


def challenge_progress(account: Account) -> SafeString | str:
    """What a programme wants, and how far the account has come."""
    found = progress_of(account=account)
    if found is None:
        return NOTHING
    challenge = found.challenge
    link = reverse("admin:trading_challenge_change", args=[challenge.pk])
    since = f"since {challenge.started_at:%Y-%m-%d}"
    words = found.problem or ("Passed" if found.is_passed else f"{len(found.days)} days so far")
    head = format_html('<a href="{}">{}</a> {}: {}', link, challenge.name, since, words)
    rows = (
        (
            goal.label,
            NOTHING if goal.found is None else f"{round(goal.found, 2):f}",
            f"{goal.wanted.normalize():f} {goal.unit}",
            "met" if goal.is_met else f"missing: {goal.missing}",
        )
        for goal in found.goals
    )
    goals = table(("Goal", "Now", "Wanted", ""), rows) if found.goals else ""
    return format_html("<p>{}</p>{}<p>{}</p>", head, goals, challenge.note)


def signals_lately(deployment: Deployment) -> str:
    """What became of the signals of the last days, in one line."""
    counts = signal_counts(deployment=deployment, since=now() - timedelta(days=DAYS))
    words = f"{counts.signals} = {counts.orders} orders + {counts.denied} denials"
    if counts.denials:
        words += f" ({', '.join(f'{code} {n}' for code, n in counts.denials.items())})"
    if counts.undecided:
        lost = ", ".join(f"{code} {n}" for code, n in counts.undecided.items())
        words += f"; bars that could not be decided: {lost}"
    return words


def _standing_row(row: Standing) -> Iterator[object]:
    yield row.limit.spec.label
    yield row.limit.words
    yield terms_words(row.limit)
    yield row.problem or _number(row.found)
    yield _number(row.bound)
    yield NOTHING if row.used is None else f"{row.used} %"
    yield from _end(row.limit)


def _number(value: Decimal | None) -> str:
    return NOTHING if value is None else f"{round(value, 2):f}"


def _end(limit: Limit) -> tuple[str, object]:
    """What a breach leads to, and a link to where the limit was set."""
    action = limit.action.value.lower()
    if limit.action.rank > 1:
        action += ", until a person re-arms" if limit.hard else ", until the reset"
    if limit.row_id is None:
        return action, limit.origin
    link = reverse("admin:trading_risklimit_change", args=[limit.row_id])
    return action, format_html('<a href="{}">{}</a>', link, limit.origin)


def terms_words(limit: Limit) -> str:
    """What is not the same for every limit of the control."""
    spec, words = limit.spec, list[str]()
    if spec.periodic and limit.period is not None:
        words.append(f"{limit.period.lower()} from {limit.reset:%H:%M} {limit.zone}")
    if spec.referenced:
        words.append(f"from the {_REFERENCES[limit.reference]} at the reset")
    if spec.trails:
        words.append(_TRAILS[limit.trailing])
    if limit.lock is not None:
        words.append(f"locked {limit.lock:f} % above the initial balance")
    if limit.window is not None:
        words.append(f"within {limit.window} s")
    if limit.subject in (Subject.GROUP, Subject.GLOBAL):
        words.append("together")
    return ", ".join(words)


_REFERENCES = {"BALANCE": "balance", "EQUITY": "equity", "HIGHER": "higher of both"}
_TRAILS = {
    "STATIC": "from the initial balance",
    "END_OF_DAY": "from the highest balance at a reset",
    "CLOSED_BALANCE": "from the highest balance",
    "INTRADAY": "from the highest equity",
}
