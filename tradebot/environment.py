"""Typed reading of the environment: a wrong value stops the process with one clear line.

Used by the settings only. Every message names the variable, what was expected and what was
found; the value of a secret is never shown. An empty value counts as not set.
"""

import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from cryptography.fernet import Fernet

TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
_LOOPBACK = re.compile(r"http://(127(\.\d{1,3}){3}|\[::1\])(:\d+)?")


class SettingError(SystemExit):
    """A variable has a value the platform cannot run with; the operator must change it."""

    def __init__(self, name: str, *, expected: str, found: str) -> None:
        super().__init__(f"{name}: expected {expected}, was {found}")


def read_env_file(path: Path) -> None:
    """Take variables from a .env file where the environment does not have them already."""
    if path.is_file():
        environ.Env.read_env(path)


def text(name: str, *, default: str = "") -> str:
    """The value without surrounding blanks; `default` when it is empty or absent."""
    return os.environ.get(name, "").strip() or default


def matching(
    name: str, pattern: str, *, expected: str, default: str = "", secret: bool = False
) -> str:
    """A value the whole of which matches the pattern; `default` when it is absent."""
    value = text(name, default=default)
    if value and not re.fullmatch(pattern, value):
        raise SettingError(name, expected=expected, found=_hidden(value) if secret else repr(value))
    return value


def flag(name: str, *, default: bool) -> bool:
    """A yes or no: 1/0, true/false, yes/no or on/off in any case."""
    value = text(name).lower()
    if value and value not in TRUE + FALSE:
        raise SettingError(name, expected="true or false", found=repr(value))
    return value in TRUE if value else default


def choice(name: str, choices: Sequence[str], *, default: str) -> str:
    """One of the choices, in any case."""
    value = text(name, default=default)
    for option in choices:
        if value.lower() == option.lower():
            return option
    raise SettingError(name, expected=" or ".join(choices), found=repr(value))


def names(name: str, *, default: Sequence[str] = ()) -> list[str]:
    """A comma-separated list."""
    return [part.strip() for part in text(name).split(",") if part.strip()] or list(default)


def numbers(name: str) -> dict[str, float]:
    """Pairs like `horizon=180, call_deadline=20`."""
    found = {}
    for pair in names(name):
        key, _, value = pair.partition("=")
        try:
            found[key.strip()] = float(value)
        except ValueError:
            raise SettingError(name, expected="name=number, ...", found=repr(pair)) from None
    return found


def whole(name: str, *, default: int) -> int:
    """A whole number of at least 0; a leading v (v123) is allowed."""
    value = text(name).removeprefix("v")
    if value and not value.isdecimal():
        raise SettingError(name, expected="a whole number", found=repr(value))
    return int(value) if value else default


def url(name: str, schemes: Sequence[str], *, default: str = "") -> str:
    """A URL of one of the schemes with a host (or, for a unix socket or file, a path)."""
    value = text(name, default=default)
    if not value:
        return ""
    expected = f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises when it is no number
    except ValueError:
        raise SettingError(name, expected=expected, found=_hidden(value)) from None
    if parts.scheme not in schemes:
        raise SettingError(name, expected=expected, found=_shown(parts, value))
    if not parts.hostname and parts.path in ("", "/"):
        raise SettingError(name, expected=f"{expected} and a host", found=_shown(parts, value))
    return value


def loopback(name: str) -> str:
    """The URL of a server on this machine, for an emulator: secrets are sent there."""
    value = url(name, ["http"]).rstrip("/")
    if value and not _LOOPBACK.fullmatch(value):
        raise SettingError(
            name,
            expected="a URL of this machine such as http://127.0.0.1:8765, "
            "because the token is sent there",
            found=_shown(urlsplit(value), value),
        )
    return value


def database(name: str) -> dict[str, Any]:
    """Django's settings of a PostgreSQL database, from a URL; empty when there is none."""
    value = url(name, ["postgres", "postgresql"])
    if not value:
        return {}
    config: dict[str, Any] = {"OPTIONS": {}} | environ.Env.db_url_config(value)
    if not config["NAME"]:
        raise SettingError(
            name, expected="a database name after the host", found=_shown(urlsplit(value), value)
        )
    return config


def required(name: str, *, because: str, at_least: int = 1) -> str:
    """A secret that may not be left out, of a length that is not guessed."""
    value = text(name)
    if len(value) < at_least:
        expected = f"a secret of at least {at_least} characters, because {because}"
        raise SettingError(name, expected=expected, found=_hidden(value) if value else "not set")
    return value


def together(name: str, *, needs: str) -> None:
    """Refuse a variable that means nothing without another one."""
    if text(name) and not text(needs):
        raise SettingError(needs, expected=f"a value, because {name} is given", found="not set")


def fernet_keys(name: str, *, value: str) -> list[str]:
    """Comma-separated Fernet keys, newest first; the first encrypts, all decrypt."""
    keys = [part.strip() for part in value.split(",") if part.strip()]
    for position, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            raise SettingError(
                name,
                expected="Fernet keys (44 characters of URL-safe base64), separated by commas",
                found=f"key {position}: {_hidden(key)}",
            ) from None
    return keys


def directory(name: str, *, default: Path) -> Path:
    """A directory of the platform's own, created private to its user when it is missing."""
    path = Path(text(name, default=str(default))).expanduser().resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise SettingError(
            name, expected="a directory that can be created", found=f"{path} ({e.strerror})"
        ) from None
    return path


def kept(path: Path, make: Callable[[], str]) -> str:
    """A secret made once and kept in a file only its owner may read.

    Two processes that start together agree on one value: the file appears complete or not at all.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(make())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass  # the other process was faster
        finally:
            draft.unlink()
    return path.read_text().strip()


def _hidden(value: str) -> str:
    return f"a value of {len(value)} characters that is not shown"


def _shown(parts: SplitResult, value: str) -> str:
    """A URL without its user, password and query."""
    if not parts.scheme or "://" not in value:
        return _hidden(value)
    host = parts.netloc.rpartition("@")[2]
    return repr(f"{parts.scheme}://{host}{parts.path}")
