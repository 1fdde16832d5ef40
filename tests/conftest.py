"""Shared fixtures. How to use them:

* Everything runs in a temporary directory per xdist worker (tests/settings.py): a test database
  (a SQLite file, or PostgreSQL when DATABASE_URL is given) and a real Valkey, which is started
  for the session by itself; the cache and the channel layer just work and start empty per test.
* `db` / `@pytest.mark.django_db` as usual; `transactional_db` when another thread or process
  must see the rows.
* `child_env`: the environment for a child process that shall use the same database and Valkey:
  `subprocess.Popen([sys.executable, "manage.py", ...], cwd=ROOT, env=child_env)`.
* Users: `owner` (superuser), `staff` (is_staff, no permission), `viewer` (is_staff, may view
  everything), `stranger` (logged in, not staff). Their password is PASSWORD.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from hypothesis import settings as hypothesis_settings

from tradebot.embedded import valkey_start, valkey_stop

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery staple"

hypothesis_settings.register_profile("untimed", deadline=None)  # the first call may compile
hypothesis_settings.load_profile("untimed")


def pytest_sessionstart() -> None:
    """Stop at once, with one clear line, when the servers of the production lane are not there."""
    if connection.vendor != "postgresql" or "PYTEST_XDIST_WORKER" in os.environ:
        return
    try:
        psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5).close()
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.ping()
    except (psycopg.OperationalError, redis.ConnectionError) as e:
        pytest.exit(f"Expected PostgreSQL and Redis to answer, was: {e}", returncode=3)


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> Iterator[redis.Redis]:
    """A client of the server all tests of this worker use; starts it on the embedded default."""
    embedded = settings.REDIS_URL.startswith("unix://")
    process = valkey_start(settings.VAR_DIR) if embedded else None
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client
    if process is not None:
        valkey_stop(process)


@pytest.fixture(autouse=True)
def _empty_redis(redis_server: redis.Redis) -> Iterator[None]:
    yield
    keys = list(redis_server.scan_iter(f"{settings.REDIS_PREFIX}*", count=1000))
    if keys:
        redis_server.delete(*keys)


@pytest.fixture
def child_env(transactional_db: None) -> dict[str, str]:
    """Environment of a child process that uses this test's database and Valkey."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "TESTS_DATABASE": str(connection.settings_dict["NAME"]),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_superuser("owner", "owner@example.com", PASSWORD)


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_user("staff", "staff@example.com", PASSWORD, is_staff=True)


@pytest.fixture
def viewer(db: None) -> User:
    user = User.objects.create_user("viewer", "viewer@example.com", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create_user("stranger", "stranger@example.com", PASSWORD)
