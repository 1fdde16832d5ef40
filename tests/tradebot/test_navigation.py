"""The sidebar shows each user what they may open."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory

from tradebot.navigation import sidebar

pytestmark = pytest.mark.django_db


def links(user: User) -> list[str]:
    request = RequestFactory().get("/admin/")
    request.user = user
    return [item["link"] for group in sidebar(request) for item in group["items"]]


def test_owner_finds_every_page(owner: User) -> None:
    found = [link.split("/")[2:4] for link in links(owner) if link.count("/") == 4]
    pages = [[m._meta.app_label, m._meta.model_name] for m in admin.site._registry]
    assert sorted(found) == sorted(pages)


def test_staff_without_permission_finds_the_dashboard(staff: User) -> None:
    assert links(staff) == ["/dashboard/", "/admin/"]
