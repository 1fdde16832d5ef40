"""`manage.py fencebuild`, the last part of a release."""

from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from tests.factories import make_account, make_simulated_market
from trading.models import Lease

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command("fencebuild", *words, stdout=out)
    return out.getvalue()


def test_it_fences_everything_from_older_builds_than_this_one() -> None:
    make_account(), make_simulated_market()
    assert run() == f"2 accounts and markets newly closed to builds before {settings.BUILD}\n"
    assert set(Lease.objects.values_list("min_build", flat=True)) == {settings.BUILD}
    assert run().startswith("0 accounts")


def test_another_build_may_be_named() -> None:
    make_account()
    assert run("--build", "77").startswith("1 accounts")
    assert Lease.objects.get().min_build == 77


def test_a_negative_build_is_refused() -> None:
    with pytest.raises(CommandError, match="Expected a build of 0 or more, was -1"):
        run("--build", "-1")
