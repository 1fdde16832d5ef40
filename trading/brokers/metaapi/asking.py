"""Readings over HTTP: one question, its JSON or a failure that says what kind it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, Final

from trading.brokers.base import NotSent, Unavailable
from trading.brokers.metaapi.budget import Budget, pause_of
from trading.brokers.metaapi.payload import PayloadError, parse
from trading.brokers.metaapi.transport import (
    Answer,
    Call,
    Http,
    NoAnswer,
    NotConnected,
    TimeIsUp,
    Token,
)

NO_CONTENT: Final = 204
NOT_FOUND: Final = 404
TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_LONGEST_MESSAGE: Final = 300


class Failed(Unavailable):
    """No answer that can be used. `status` is that of HTTP, 0 where none came; `details` is what
    MetaApi says beyond the message."""

    def __init__(
        self,
        message: str,
        code: str,
        *,
        status: int = 0,
        is_late: bool = False,
        details: Any = None,
    ) -> None:
        super().__init__(message, code)
        self.status = status
        self.details = details
        self.is_passing = not is_late and (status == 0 or status >= _SERVER_ERROR)
        """Whether the same question may be answered a moment later."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks with one token, within one budget."""

    token: Token
    http: Http
    budget: Budget

    def ask(self, call: Call, ends: float, is_urgent: bool = False) -> Any:
        """The JSON of a successful answer, None where it is empty; raises Failed.

        An urgent question is part of a trade and may take the tokens that are kept for those.
        """
        answer = self.answer(call, ends, is_urgent)
        if answer.status == NO_CONTENT:
            return None
        try:
            return parse(answer.body)
        except PayloadError as e:
            what = f"{call.method} {_path(call)}"
            raise Failed(f"{what}: {e}", "PAYLOAD", status=answer.status) from e

    def answer(self, call: Call, ends: float, is_urgent: bool = False) -> Answer:
        """A successful answer (2xx) as it came; raises Failed."""
        self._pay(ends, is_urgent)
        try:
            answer = self.http.exchange(call, ends)
        except TimeIsUp as e:
            raise Failed(str(e), "TIMEOUT", is_late=True) from e
        except (NotConnected, NoAnswer) as e:
            raise Failed(str(e), "NO_ANSWER") from e
        if not 200 <= answer.status < 300:
            raise self.failure(answer)
        return answer

    def failure(self, answer: Answer) -> Failed:
        """What an unsuccessful answer says; a 429 silences the account for as long as it asks."""
        said = error_of(answer)
        if answer.status == TOO_MANY:
            self.budget.pause(_pause(answer, said))
        message = str(said.get("message", ""))[:_LONGEST_MESSAGE]
        return Failed(
            f"HTTP {answer.status}: {message}",
            f"HTTP_{answer.status}",
            status=answer.status,
            details=said.get("details"),
        )

    def _pay(self, ends: float, is_urgent: bool) -> None:
        longest = max(0.0, ends - monotonic())
        if not is_urgent:
            self.budget.read(longest)
            return
        try:
            self.budget.trade(longest)
        except NotSent as e:
            raise Failed(str(e), e.code, is_late=True) from e


def error_of(answer: Answer) -> Mapping[str, Any]:
    """The error object of an answer, empty where it has none."""
    try:
        said = parse(answer.body)
    except PayloadError:
        return {}
    return said if isinstance(said, Mapping) else {}


def _pause(answer: Answer, said: Mapping[str, Any]) -> float:
    metadata = said.get("metadata")
    recommended = metadata.get("recommendedRetryTime") if isinstance(metadata, Mapping) else None
    return pause_of(
        _moment(recommended), _http_date(answer.headers.get("date")), retry_after(answer)
    )


def retry_after(answer: Answer) -> str | None:
    """The Retry-After header."""
    return answer.headers.get("retry-after")


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _path(call: Call) -> str:
    return call.url.partition("://")[2].partition("/")[2]
