"""The URL map and the health probe."""

import contextlib

import pytest
from django.conf import LazySettings
from django.core.cache import caches
from django.test import Client


def test_the_root_leads_to_the_dashboard(client: Client) -> None:
    response = client.get("/")
    assert (response.status_code, response["Location"]) == (302, "/dashboard/")


def test_the_admin_asks_for_a_login(client: Client, db: None) -> None:
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"


def test_static_files_are_served_without_collecting(client: Client, db: None) -> None:
    with contextlib.closing(client.get("/static/admin/css/base.css")) as response:
        assert response.status_code == 200


def test_healthz_says_that_both_servers_answer(client: Client, db: None) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"database": "ok", "redis": "ok"}


def test_healthz_names_the_server_that_fails(
    client: Client, db: None, settings: LazySettings
) -> None:
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "unix:///nowhere/valkey.sock"}
    }
    assert "nowhere" in str(caches["default"]._servers)  # type: ignore[attr-defined]
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "redis": "unreachable"}


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_healthz_only_reads(client: Client, method: str) -> None:
    assert getattr(client, method)("/healthz").status_code == 405
