"""The command for deployments that do not use `up`."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command


def test_the_password_of_the_administrator_is_shown_once(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("bootstrap", "--no-demo")
    password = capsys.readouterr().out.split("password ")[1].split()[0]
    assert User.objects.get(username="admin").check_password(password)
    call_command("bootstrap", "--no-demo")
    assert capsys.readouterr().out == ""
