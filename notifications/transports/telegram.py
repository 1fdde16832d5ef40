"""Telegram through the Bot API (https://core.telegram.org/bots/api#sendmessage).

The bot's token is a part of every URL, so neither URLs nor the exceptions of the HTTP client,
which carry them, leave this module.
"""

import logging
import re
from typing import Any, Final

import httpx
from django.conf import settings

from notifications.transports.base import Address, Message, TransportError

TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
LONGEST_TEXT: Final = 4096
PERMANENT: Final = frozenset({400, 401, 403, 404})
_TARGET = re.compile(r"-?\d+|@\w{5,}")
_TOKEN = re.compile(r"\d+:[\w-]+")


class TelegramTransport:
    """The target is a chat id or @channelname; the secret is the token of the bot."""

    template = "notifications/telegram/body.html"

    def check(self, address: Address) -> None:
        if not _TARGET.fullmatch(address.target):
            raise ValueError(f"Expected a chat id or @channelname, was {address.target!r}")
        if not _TOKEN.fullmatch(address.secret):
            found = "nothing" if not address.secret else "something else"
            raise ValueError(f"Expected the token of a bot, DIGITS:LETTERS, was {found}")

    def send(self, address: Address, message: Message) -> str:
        answer = _call(
            f"{settings.TELEGRAM_API_URL}/bot{address.secret}/sendMessage",
            {
                "chat_id": address.target,
                "text": message.body[:LONGEST_TEXT],
                "parse_mode": "HTML",
                "link_preview_options": {"is_disabled": True},
            },
        )
        sent = answer.get("result") or {}
        return f"Telegram took it as message {sent.get('message_id')} of chat {address.target}"


def _call(url: str, payload: dict[str, object]) -> dict[str, Any]:
    """Ask the Bot API; returns its answer, raises TransportError with its description."""
    try:
        response = httpx.post(url, json=payload, timeout=TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise TransportError(f"Telegram: no answer ({type(e).__name__})") from None
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise TransportError(f"Telegram {response.status_code}: no JSON in the answer")
    if not answer.get("ok"):
        raise _refused(response.status_code, answer)
    return answer


def _refused(status: int, answer: dict[str, Any]) -> TransportError:
    code = int(answer.get("error_code") or status)
    parameters = answer.get("parameters") or {}
    return TransportError(
        f"Telegram {code}: {answer.get('description') or 'no description'}",
        permanent=code in PERMANENT,
        retry_after=parameters.get("retry_after"),
    )


def _without_token(record: logging.LogRecord) -> bool:
    """Take tokens out of the lines the HTTP client writes, whatever level it logs at."""
    record.msg, record.args = re.sub(r"/bot[^/\s]+/", "/bot***/", record.getMessage()), ()
    return True


logging.getLogger("httpx").addFilter(_without_token)
