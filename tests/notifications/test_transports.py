"""Transports hand over the message and say what the provider answered."""

import logging
from smtplib import SMTPAuthenticationError, SMTPDataError, SMTPServerDisconnected
from typing import NoReturn

import httpx
import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from pytest_django import Settings

from notifications.transports import TRANSPORTS, transport
from notifications.transports.base import Address, Message, TransportError
from tests.notifications.bot_api import TOKEN, BotApi

ADDRESS = Address(target="-100200", secret=TOKEN)
MESSAGE = Message(subject="Warning", body="<b>Warning</b>")


def test_telegram_takes_a_message(bot_api: BotApi) -> None:
    answer = transport("telegram").send(ADDRESS, MESSAGE)
    assert answer == "Telegram took it as message 1 of chat -100200"
    assert bot_api.sent[0].path == f"/bot{TOKEN}/sendMessage"
    assert bot_api.sent[0].payload["chat_id"] == "-100200"
    assert bot_api.sent[0].payload["parse_mode"] == "HTML"


@pytest.mark.parametrize(
    ("code", "permanent"), [(400, True), (401, True), (403, True), (404, True), (500, False)]
)
def test_a_refusal_says_whether_trying_again_helps(
    bot_api: BotApi, code: int, permanent: bool
) -> None:
    bot_api.refuse(code, "chat not found")
    with pytest.raises(TransportError, match=f"^Telegram {code}: chat not found$") as caught:
        transport("telegram").send(ADDRESS, MESSAGE)
    assert caught.value.permanent is permanent
    assert caught.value.retry_after is None


def test_too_many_requests_say_how_long_to_wait(bot_api: BotApi) -> None:
    bot_api.refuse(429, "Too Many Requests: retry after 17", retry_after=17)
    with pytest.raises(TransportError) as caught:
        transport("telegram").send(ADDRESS, MESSAGE)
    assert (caught.value.permanent, caught.value.retry_after) == (False, 17)


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"[1]", b""])
def test_an_answer_that_is_no_bot_api_is_tried_again(bot_api: BotApi, body: bytes) -> None:
    bot_api.answers.append((502, body))
    with pytest.raises(TransportError, match="502: no JSON in the answer") as caught:
        transport("telegram").send(ADDRESS, MESSAGE)
    assert not caught.value.permanent


def test_no_answer_is_tried_again_and_tells_no_token(settings: Settings) -> None:
    settings.TELEGRAM_API_URL = "http://127.0.0.1:1"
    with pytest.raises(TransportError, match=r"no answer \(ConnectError\)") as caught:
        transport("telegram").send(ADDRESS, MESSAGE)
    assert not caught.value.permanent
    assert caught.value.__suppress_context__


def test_the_http_client_logs_no_token(bot_api: BotApi, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "httpx"):
        transport("telegram").send(ADDRESS, MESSAGE)
    assert "/bot***/sendMessage" in caplog.text
    assert TOKEN not in caplog.text


def test_an_address_shows_no_secret() -> None:
    assert TOKEN not in repr(ADDRESS)


def test_mail_goes_to_every_recipient(mailoutbox: list[EmailMessage]) -> None:
    address = Address(target="a@example.com, b@example.com")
    answer = transport("email").send(address, Message("Warning", "Text"))
    assert answer == "The mail server took the mail for a@example.com, b@example.com"
    (letter,) = mailoutbox
    assert (letter.subject, letter.body) == ("Warning", "Text")
    assert letter.to == ["a@example.com", "b@example.com"]


class Failing(BaseEmailBackend):
    """A mail server that answers with `error`."""

    error: Exception

    def send_messages(self, email_messages: object) -> NoReturn:
        raise self.error


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (SMTPDataError(554, b"refused"), True),
        (SMTPDataError(451, b"later"), False),
        (SMTPAuthenticationError(535, b"wrong password"), False),
        (SMTPServerDisconnected("gone"), False),
        (TimeoutError("too slow"), False),
    ],
)
def test_a_mail_that_fails_says_whether_trying_again_helps(
    settings: Settings, error: Exception, permanent: bool
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Failing"
    Failing.error = error
    with pytest.raises(TransportError, match=r"^E-mail: ") as caught:
        transport("email").send(Address("a@example.com"), MESSAGE)
    assert caught.value.permanent is permanent


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_every_transport_of_the_registry_loads(kind: str) -> None:
    assert transport(kind).template.startswith(f"notifications/{kind}/")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(TransportError, match="was 'pigeon'") as caught:
        transport("pigeon")
    assert caught.value.permanent


def test_the_longest_text_telegram_takes_is_kept(bot_api: BotApi) -> None:
    transport("telegram").send(ADDRESS, Message("", "x" * 5000))
    assert len(bot_api.sent[0].text) == 4096


def test_the_client_gives_up_after_its_timeout(
    bot_api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.transports.telegram.TIMEOUT", httpx.Timeout(0.05))
    bot_api.open.clear()
    with pytest.raises(TransportError, match=r"no answer \(ReadTimeout\)"):
        transport("telegram").send(ADDRESS, MESSAGE)
