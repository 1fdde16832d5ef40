"""`manage.py kill` and `rearm` need the database and nothing else."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tests.factories import make_account, make_deployment, make_symbol
from trading.models import KillSwitch

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_without_a_scope_everything_is_stopped() -> None:
    said = run("kill", "--reason", "fire")
    switch = KillSwitch.objects.get()
    assert (switch.mode, switch.scope, switch.reason) == ("HALT", "everything", "fire")
    assert f"manage.py rearm {switch.pk}" in said


def test_a_scope_is_found_by_name_or_number() -> None:
    account, symbol = make_account(name="Main"), make_symbol(name="EURUSD")
    deployment = make_deployment()
    run("kill", "--account", "Main", "--reason", "x", "--mode", "FLATTEN")
    run("kill", "--account", str(account.pk), "--reason", "x", "--mode", "FLATTEN")
    run("kill", "--symbol", "EURUSD", "--reason", "x")
    run("kill", "--deployment", str(deployment.pk), "--reason", "x")
    assert [(s.account, s.symbol, s.deployment) for s in KillSwitch.objects.order_by("id")] == [
        (account, None, None),
        (None, symbol, None),
        (None, None, deployment),
    ]


@pytest.mark.parametrize("scope", [["--account", "x"], ["--symbol", "x"], ["--deployment", "9"]])
def test_what_does_not_exist_is_named_and_nothing_is_pulled(scope: list[str]) -> None:
    with pytest.raises(CommandError, match="Expected"):
        run("kill", *scope, "--reason", "fire")
    assert not KillSwitch.objects.exists()


def test_re_arming_names_a_permitted_user(owner: User, staff: User) -> None:
    run("kill", "--reason", "fire")
    number = str(KillSwitch.objects.get().pk)
    with pytest.raises(CommandError, match="may not re-arm"):
        run("rearm", number, "--user", "staff", "--reason", "out")
    with pytest.raises(CommandError, match="Expected a reason"):
        run("rearm", number, "--user", "owner")
    assert "re-armed" in run("rearm", number, "--user", "owner", "--reason", "out")
    assert run("rearm") == ""


def test_the_list_shows_what_is_pulled() -> None:
    run("kill", "--reason", "fire")
    assert "HALT everything" in run("rearm")
