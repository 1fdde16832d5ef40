"""The settings of the tests: the platform's own, in a directory that is thrown away.

pytest-django loads settings before any conftest, so the directory is chosen here. Under xdist
every worker has its own directory, database, Valkey and key prefix. Child processes of a test
inherit the choice through the environment (see the fixture `child_env`).
"""

import os
import tempfile
from pathlib import Path

if "TESTS_ROOT" not in os.environ:  # set for xdist workers and child processes by their parent
    os.environ["TESTS_ROOT"] = tempfile.mkdtemp(prefix="tradebot-tests-")
    os.environ["TESTS_ROOT_OWNER"] = str(os.getpid())
_root = Path(os.environ["TESTS_ROOT"])
_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ["TRADEBOT_VAR"] = str(_root / _worker)
os.environ["REDIS_PREFIX"] = f"{_root.name}-{_worker}"

from tradebot.settings import *  # noqa: E402, F403
from tradebot.settings import DATABASES, VAR_DIR  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast, tests only
if "sqlite3" in str(DATABASES["default"]["ENGINE"]):  # a file: other processes see it
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
if "TESTS_DATABASE" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["TESTS_DATABASE"]
