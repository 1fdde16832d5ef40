"""`manage.py lock` and `unlock` keep entries out and let them pass again."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from tests.factories import make_account, make_deployment, make_lock, make_symbol
from trading.models import Lock, Side

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_a_lock_names_what_it_covers_and_until_when() -> None:
    account, symbol = make_account(name="Main"), make_symbol(name="EURUSD")
    words = ("--account", "Main", "--symbol", "EURUSD", "--side", "short", "--minutes", "60")
    said = run("lock", *words, "--reason", "fire")
    lock = Lock.objects.get()
    assert (lock.account, lock.symbol, lock.side) == (account, symbol, Side.SHORT)
    assert lock.expires_at is not None
    assert timedelta(minutes=59) < lock.expires_at - now() <= timedelta(minutes=60)
    expected = f"Lock {lock.pk}: Lock on EURUSD of Main, short only. Release: manage.py unlock"
    assert said.startswith(expected)


def test_without_an_end_it_holds_until_it_is_released() -> None:
    deployment = make_deployment()
    run("lock", "--deployment", str(deployment.pk), "--reason", "x")
    run("lock", "--until", "2999-01-01T12:00", "--reason", "x")
    ends = list(Lock.objects.order_by("id").values_list("deployment", "expires_at"))
    assert ends == [(deployment.pk, None), (None, datetime(2999, 1, 1, 12, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--account", "x"], "Expected an account among"),
        (["--symbol", "x"], "Expected a known symbol"),
        (["--deployment", "9"], "Expected a deployment, was 9"),
        (["--minutes", "-1"], "Expected an end in the future"),
        (["--until", "soon"], "expected a time such as"),
    ],
)
def test_what_does_not_exist_is_named_and_nothing_is_locked(words: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run("lock", *words, "--reason", "fire")
    assert not Lock.objects.exists()


def test_a_deployment_says_it_all() -> None:
    deployment = make_deployment(account=make_account(name="Main"))
    words = ["--deployment", str(deployment.pk), "--account", "Main"]
    with pytest.raises(CommandError, match="Expected a deployment or an account and symbol"):
        run("lock", *words, "--reason", "fire")


def test_releasing_names_a_permitted_user(owner: User, staff: User) -> None:
    number = str(make_lock().pk)
    assert run("unlock") == f"{number}: Lock on everything, by tester for good: drill\n"
    with pytest.raises(CommandError, match="may not release"):
        run("unlock", number, "--user", "staff", "--reason", "out")
    with pytest.raises(CommandError, match="Expected a reason"):
        run("unlock", number, "--user", "owner")
    with pytest.raises(CommandError, match="Expected a lock and an active user"):
        run("unlock", number, "--user", "nobody")
    assert "released" in run("unlock", number, "--user", "owner", "--reason", "out")
    assert "had ended already" in run("unlock", number, "--user", "owner", "--reason", "out")
    assert run("unlock") == ""
