"""The admin of the notifications: secrets go in and never come out."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from notifications.models import Channel
from tests.notifications.bot_api import TOKEN, BotApi
from tests.notifications.factories import lose_key, make_channel, make_delivery, make_rule

ROWS = {"rules-TOTAL_FORMS": "0", "rules-INITIAL_FORMS": "0"}


@pytest.fixture
def browser(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def posted(browser: Client, channel: Channel, **fields: str) -> Channel:
    """The channel after its form was saved with these fields."""
    given = {"name": channel.name, "kind": channel.kind, "target": channel.target, "secret": ""}
    url = reverse("admin:notifications_channel_change", args=[channel.pk])
    response = browser.post(url, {**given, **ROWS, **fields})
    assert response.status_code == 302, response.context["errors"]
    return Channel.objects.get(pk=channel.pk)


def test_the_secret_is_never_shown(browser: Client) -> None:
    channel = make_channel()
    for url in (
        reverse("admin:notifications_channel_change", args=[channel.pk]),
        reverse("admin:notifications_channel_changelist"),
    ):
        page = browser.get(url).content.decode()
        assert channel.target in page
        assert TOKEN not in page


def test_an_empty_field_keeps_the_secret(browser: Client) -> None:
    channel = posted(browser, make_channel(), name="Renamed")
    assert (channel.name, channel.secret) == ("Renamed", TOKEN)


def test_a_new_secret_replaces_the_old_one(browser: Client) -> None:
    assert posted(browser, make_channel(), secret="1:new").secret == "1:new"


def test_a_secret_no_key_opens_can_be_replaced(browser: Client) -> None:
    channel = make_rule().channel
    delivery = make_delivery(channel=channel)
    lose_key(channel)
    page = reverse("admin:notifications_delivery_change", args=[delivery.pk])
    assert browser.get(page).status_code == 200
    for name in ("channel", "rule", "delivery"):
        page = reverse(f"admin:notifications_{name}_changelist")
        assert channel.name in browser.get(page).content.decode()
    change = reverse("admin:notifications_channel_change", args=[channel.pk])
    assert browser.get(change).status_code == 200
    given = {"name": "Renamed", "kind": channel.kind, "target": channel.target, "secret": ""}
    assert "enter it anew" in browser.post(change, {**given, **ROWS}).content.decode()
    assert posted(browser, channel, secret="1:new").secret == "1:new"


def test_a_channel_that_cannot_work_is_refused(browser: Client) -> None:
    fields = {"name": "A", "kind": "telegram", "target": "general", "secret": TOKEN, **ROWS}
    page = browser.post(reverse("admin:notifications_channel_add"), fields)
    assert "Expected a chat id or @channelname" in page.content.decode()
    assert TOKEN not in page.content.decode()
    assert not Channel.objects.exists()


def send_test(browser: Client, channel: Channel) -> list[str]:
    data = {"action": "send_test", "_selected_action": channel.pk}
    url = reverse("admin:notifications_channel_changelist")
    response = browser.post(url, data, follow=True)
    return [str(message) for message in response.context["messages"]]


def test_the_test_shows_the_answer_of_the_provider(browser: Client, bot_api: BotApi) -> None:
    channel = make_channel(name="Alarm")
    answer = "Alarm: Telegram took it as message 1 of chat -100200"
    assert send_test(browser, channel) == [answer]
    bot_api.refuse(400, "chat not found")
    assert send_test(browser, channel) == ["Alarm: Telegram 400: chat not found"]


def test_who_may_only_look_cannot_send(client: Client, viewer: User, bot_api: BotApi) -> None:
    client.force_login(viewer)
    send_test(client, make_channel())
    assert not bot_api.sent
    viewer.user_permissions.add(Permission.objects.get(codename="change_channel"))
    send_test(client, Channel.objects.get())
    assert len(bot_api.sent) == 1


def test_deliveries_are_to_look_at_only(browser: Client) -> None:
    delivery = make_delivery(error="Telegram 400: chat not found")
    listed = browser.get(reverse("admin:notifications_delivery_changelist"))
    assert delivery.error in listed.content.decode()
    change = reverse("admin:notifications_delivery_change", args=[delivery.pk])
    assert browser.get(change).status_code == 200
    assert browser.post(change, {"status": "SENT"}).status_code == 403
    assert browser.get(reverse("admin:notifications_delivery_add")).status_code == 403


def test_rules_are_listed(browser: Client) -> None:
    make_rule(family="risk.*")
    page = browser.get(reverse("admin:notifications_rule_changelist"))
    assert "risk.*" in page.content.decode()
