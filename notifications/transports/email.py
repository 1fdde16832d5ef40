"""E-mail through Django's configured backend."""

from smtplib import SMTPAuthenticationError, SMTPException, SMTPResponseException

from django.core import mail
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from notifications.transports.base import Address, Message, TransportError

REFUSED = 500  # SMTP codes from here on are final (RFC 5321, 4.2.1)


class EmailTransport:
    """The target is one or more addresses, separated by commas; there is no secret."""

    template = "notifications/email/body.txt"

    def check(self, address: Address) -> None:
        for recipient in _recipients(address.target) or [""]:
            try:
                validate_email(recipient)
            except ValidationError:
                raise ValueError(
                    f"Expected e-mail addresses separated by commas, was {address.target!r}"
                ) from None

    def send(self, address: Address, message: Message) -> str:
        letter = mail.EmailMessage(message.subject, message.body, to=_recipients(address.target))
        try:
            accepted = letter.send()
        except (SMTPException, OSError) as e:
            raise TransportError(f"E-mail: {e}", permanent=_is_final(e)) from e
        if not accepted:
            raise TransportError(f"E-mail: nobody to send to in {address.target!r}", permanent=True)
        return f"The mail server took the mail for {address.target}"


def _recipients(target: str) -> list[str]:
    return [part.strip() for part in target.split(",") if part.strip()]


def _is_final(error: Exception) -> bool:
    # A wrong password is ours to mend while the message waits; a refused message stays refused.
    if isinstance(error, SMTPAuthenticationError):
        return False
    return isinstance(error, SMTPResponseException) and error.smtp_code >= REFUSED
