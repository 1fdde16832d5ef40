"""The form of a limit in a real browser: it shows the terms that the chosen control has."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.conftest import PASSWORD
from tests.e2e.conftest import in_thread
from trading.models import RiskLimit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def open_form(page: Page) -> None:
    page.goto("/admin/trading/risklimit/add/")
    page.fill("[name=username]", "owner")
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    page.wait_for_selector("[name=control]")


def test_the_terms_follow_the_control_and_the_limit_is_kept(owner: User, page: Page) -> None:
    open_form(page)
    for control, shown, hidden in (
        ("MAX_MESSAGES", {"seconds"}, {"period", "reference", "trailing", "currency"}),
        ("CURRENCY_EXPOSURE", {"currency"}, {"period", "seconds", "trailing"}),
        ("DAILY_LOSS", {"period", "zone", "reference"}, {"seconds", "trailing", "currency"}),
        ("MAX_DRAWDOWN", {"period", "trailing", "lock"}, {"seconds", "reference"}),
    ):
        page.select_option("[name=control]", control)
        for name in shown:
            expect(page.locator(f"[name={name}]")).to_be_visible()
        for name in hidden:
            expect(page.locator(f"[name={name}]")).to_be_hidden()
    page.fill("[name=value]", "10")
    page.select_option("[name=trailing]", "END_OF_DAY")
    page.click("[name=_save]")
    expect(page.locator("#result_list")).to_contain_text("from the highest balance at a reset")
    assert in_thread(lambda: RiskLimit.objects.get().trailing) == "END_OF_DAY"
