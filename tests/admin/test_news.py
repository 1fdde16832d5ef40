"""News are uploaded by who may add them, whole or not at all."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.engine.test_news import EXPORT
from trading.models import NewsEvent

pytestmark = pytest.mark.django_db
UPLOAD = "/admin/trading/newsevent/upload/"


def upload(client: Client, content: str, **fields: str) -> Any:
    file = SimpleUploadedFile("news.csv", content.encode())
    return client.post(UPLOAD, {"file": file, "source": "mine", "zone": "UTC", **fields})


def test_a_file_is_uploaded(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert client.get(UPLOAD).status_code == 200
    assert upload(client, EXPORT).status_code == 302
    assert NewsEvent.objects.filter(source="mine").count() == 3
    page = client.get("/admin/trading/newsevent/").content.decode()
    assert "3 added" in page
    assert UPLOAD in page


def test_a_file_that_cannot_be_read_is_refused_with_row_and_column(
    client: Client, owner: User
) -> None:
    client.force_login(owner)
    page = upload(client, EXPORT.replace("1:30pm", "noon")).content.decode()
    assert "Row 2, column time: expected a clock" in page
    assert not NewsEvent.objects.exists()


def test_a_file_that_is_too_large_is_not_read(
    client: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.admin.news.LARGEST", 10)
    client.force_login(owner)
    assert "Expected at most 10 bytes" in upload(client, EXPORT).content.decode()


def test_who_may_not_add_may_not_upload(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert upload(client, EXPORT).status_code == 403
    assert UPLOAD not in client.get("/admin/trading/newsevent/").content.decode()
    assert not NewsEvent.objects.exists()
