"""Logs: one shape for our own lines and those of every library, with secrets removed.

Our code logs through structlog, `structlog.get_logger(__name__).info("order sent", order=7)`;
the lines of libraries come through the standard library. Both pass the same processors: JSON, one
object a line, in production, and coloured text in development. Redaction looks at all that is
about to be written: message, arguments, fields, traceback.
"""

import logging
import logging.config
import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from types import TracebackType
from typing import Any
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
SHORTEST_SECRET = 6  # a shorter configured value would blank out ordinary words

_KEY = r"token|passwd|password|passphrase|secret|authorization|api[-_]?key|cookie|credential"
SECRET_KEY_NAME = re.compile(_KEY, re.IGNORECASE)
_QUOTE = r"\\*[\"']"
PATTERNS = [
    # postgres://user:password@host
    (re.compile(r"(://[^\s:/@]*:)[^\s/]+@"), rf"\1{MASK}@"),
    # a JSON web token, as MetaApi's: three parts, the first one a JSON object
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), MASK),
    # a Telegram bot token: the digits of the bot, a colon, 35 characters
    (re.compile(r"(?<!\d)\d{5,}:[\w-]{30,}"), MASK),
    # password=x, 'auth-token': 'x', Authorization: Bearer x
    (
        re.compile(
            rf"((?:{_KEY})[\w-]*(?:{_QUOTE})?\s*[:=]\s*)(?:(?:bearer|basic|token)\s+)?"
            rf"(?:({_QUOTE})(?:(?!\2).)*\2|[^\s,;&\"'\\)}}\]]+)",
            re.IGNORECASE,
        ),
        rf"\g<1>{MASK}",
    ),
]
# Chatty libraries; httpx writes whole URLs, and Telegram's contain the bot's token.
QUIET = {
    "asyncio": "WARNING",
    "daphne": "WARNING",
    "django-q": "WARNING",
    "django.server": "WARNING",
    "engineio": "WARNING",
    "httpcore": "WARNING",
    "httpx": "WARNING",
    "numba": "WARNING",
    "socketio": "WARNING",
    "twisted": "WARNING",
}


class Redactor:
    """A structlog processor that takes secrets out of an event: by field name, shape and value."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first, in case one is a part of another; also as repr() would write them.
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        known |= {repr(secret)[1:-1] for secret in known}
        alternatives = "|".join(re.escape(s) for s in sorted(known, key=len, reverse=True))
        self._known = re.compile(alternatives) if alternatives else None

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {key: self.value(value, name=key) for key, value in event.items()}

    def text(self, text: str) -> str:
        """The text with everything that is or looks like a secret masked."""
        if self._known:
            text = self._known.sub(MASK, text)
        for pattern, replacement in PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def value(self, value: object, *, name: str = "") -> object:
        """The value with its secrets masked; an unknown object becomes its repr()."""
        if SECRET_KEY_NAME.search(name):
            return MASK
        match value:
            case None | bool() | int() | float() | Decimal() | date() | UUID():
                return value
            case str():
                return self.text(value)
            case Mapping():
                return {str(k): self.value(v, name=str(k)) for k, v in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(item) for item in value]
        return self.text(repr(value))


def configure(options: Mapping[str, Any]) -> None:
    """Set up logging; Django calls it with the setting LOGGING (LOGGING_CONFIG names it).

    `options` has `level`, `format` ("json" or "console") and `secrets`, the configured values
    that may appear in no line.
    """
    redactor = Redactor(options["secrets"])
    shared = _shared_processors(clock="iso" if options["format"] == "json" else "%H:%M:%S")
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # tests configure more than once
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            redactor,
            *_renderers(options["format"]),
        ],
    }
    logging.config.dictConfig(_config(formatter, options["level"]))
    logging.captureWarnings(True)
    _report_uncaught()


def _config(formatter: Mapping[str, object], level: str) -> dict[str, Any]:
    # Django's own loggers have handlers; take them off, so that every line passes one formatter.
    emptied: dict[str, dict[str, Any]] = {
        name: {"handlers": [], "propagate": True, "level": "NOTSET"}
        for name in ("django", "django.server")
    }
    for name, threshold in QUIET.items():
        emptied[name] = {"handlers": [], "propagate": True, "level": threshold}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"all": formatter},
        "handlers": {"stderr": {"class": "tradebot.logging.Handler", "formatter": "all"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": emptied,
    }


class Handler(logging.StreamHandler[Any]):
    """Writes to the standard error of the moment; a line that cannot be formatted tells no value.

    The standard library would print the message and its arguments, unredacted.
    """

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        error = sys.exc_info()[0]
        if error is not None and issubclass(error, OSError):
            return  # nobody reads any more
        place = f"{record.pathname}:{record.lineno}"
        name = error.__name__ if error else "an error"
        print(f"A log line of {place} could not be written: {name}", file=sys.stderr)  # noqa: T201


def _shared_processors(*, clock: str) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt=clock, utc=True),
    ]


def _renderers(format_name: str) -> list[Processor]:
    if format_name == "json":
        return [structlog.processors.JSONRenderer(default=str)]
    colours = sys.stderr.isatty() or bool(os.environ.get("FORCE_COLOR"))
    return [
        structlog.dev.ConsoleRenderer(
            colors=colours, pad_event_to=40, exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _report_uncaught() -> None:
    """Let a fatal exception of the process or of a thread pass the redaction as well."""
    logger = logging.getLogger("uncaught")

    def of_process(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            logger.critical("uncaught exception", exc_info=(kind, error, trace))

    def of_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None and not issubclass(arguments.exc_type, SystemExit):
            name = arguments.thread.name if arguments.thread else "?"
            details = (arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
            logger.critical("uncaught exception in thread %s", name, exc_info=details)

    sys.excepthook = of_process
    threading.excepthook = of_thread
