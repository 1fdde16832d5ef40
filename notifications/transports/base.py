"""The port every transport implements, and its one error."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: plain-text `subject` (one line), and `body` in the transport's own markup."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a channel leads: a public target, and the secret that opens the way."""

    target: str
    secret: str = field(default="", repr=False)


class TransportError(Exception):
    """The message was not accepted, or nobody knows.

    `permanent`: trying again cannot help, the owner of the channel must act.
    `retry_after`: seconds the provider asks us to wait.
    The text carries the provider's answer and never a secret.
    """

    def __init__(
        self, message: str, *, permanent: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


class Transport(Protocol):
    """One way to reach people. `template` renders the body of its messages."""

    template: str

    def check(self, address: Address) -> None:
        """Is the address well-formed? Raises ValueError with what was expected and found."""

    def send(self, address: Address, message: Message) -> str:
        """Hand the message over; returns the provider's answer in words, raises TransportError."""
