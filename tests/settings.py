"""The settings of the tests: the platform's own, in a directory that is thrown away.

pytest-django loads settings before any conftest, so the directory is chosen here. Under xdist
every worker has its own directory, database, Valkey and key prefix. Child processes of a test
inherit the choice through the environment (see the fixture `child_env`).
"""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

_project = Path(__file__).resolve().parent.parent
if "TESTS_ROOT" not in os.environ:  # set for xdist workers and child processes by their parent
    os.environ["TESTS_ROOT"] = tempfile.mkdtemp(prefix="tradebot-tests-")
    atexit.register(shutil.rmtree, os.environ["TESTS_ROOT"], ignore_errors=True)
_root = Path(os.environ["TESTS_ROOT"])
_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
# What a developer or a CI server has configured stays out of the tests, except the two servers.
# What a test gives a child process (see the fixture `child_env`) is meant for it.
_is_child = "TESTS_DATABASE" in os.environ
for _name in re.findall(r"^#? ?([A-Z_]+)=", (_project / ".env.example").read_text(), re.MULTILINE):
    if _name not in ("DATABASE_URL", "REDIS_URL") and not _is_child:
        os.environ.pop(_name, None)
os.environ |= {
    "ENV_FILE": os.devnull,
    "TRADEBOT_VAR": str(_root / _worker),
    "REDIS_PREFIX": f"{_root.name}-{_worker}",
    "SECRET_KEY": "tests-" + "0123456789" * 5,
    "FIELD_KEYS": "dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtISE=",
    "LOG_FORMAT": "console",
    "DEMO": "no",
}

from tradebot.settings import *  # noqa: E402, F403
from tradebot.settings import ALLOWED_HOSTS, DATABASES, STORAGES, VAR_DIR  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast, tests only
STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
ALLOWED_HOSTS += ["testserver", "localhost"]
STATIC_ROOT, WHITENOISE_USE_FINDERS = None, True  # nothing is collected for the tests
if "sqlite3" in DATABASES["default"]["ENGINE"]:  # a file: other processes see it
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
if "TESTS_DATABASE" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["TESTS_DATABASE"]
