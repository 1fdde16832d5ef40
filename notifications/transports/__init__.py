"""Transports by kind: kind -> (label, dotted path), imported on first use."""

from typing import Final

from django.utils.module_loading import import_string

from notifications.transports.base import Transport, TransportError

TRANSPORTS: Final[dict[str, tuple[str, str]]] = {
    "email": ("E-mail", "notifications.transports.email.EmailTransport"),
    "telegram": ("Telegram", "notifications.transports.telegram.TelegramTransport"),
}


def transport(kind: str) -> Transport:
    """The transport of a kind; an unknown kind raises TransportError."""
    if kind not in TRANSPORTS:
        expected = ", ".join(TRANSPORTS)
        raise TransportError(f"Expected a kind of {expected}, was {kind!r}", permanent=True)
    _, path = TRANSPORTS[kind]
    made: Transport = import_string(path)()
    return made
