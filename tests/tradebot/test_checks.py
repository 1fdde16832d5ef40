"""The system checks refuse wirings that would lose or double work."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.checks import CheckMessage

from tradebot import checks


def ids(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


def test_the_shipped_settings_pass() -> None:
    assert checks.task_queue(None) + checks.keys(None) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"retry": 360, "timeout": 120}, ["tradebot.E001"]),
        ({"retry": 361, "timeout": 120}, []),
        ({"orm": None}, ["tradebot.E002"]),
    ],
)
def test_queue_settings(
    settings: LazySettings, changes: dict[str, object], expected: list[str]
) -> None:
    settings.Q_CLUSTER = settings.Q_CLUSTER | changes
    assert ids(checks.task_queue(None)) == expected


def test_one_key_for_two_purposes_is_refused(settings: LazySettings) -> None:
    settings.SECRET_KEY = settings.FIELD_KEYS[0]
    assert ids(checks.keys(None)) == ["tradebot.E003"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache.example.com:6379", ["tradebot.W002"]),
        ("rediss://:password@cache.example.com:6379", []),
        ("redis://127.0.0.1:6379/0", []),
        ("unix:///run/valkey.sock", []),
    ],
)
def test_a_redis_on_a_network_needs_a_password(
    settings: LazySettings, url: str, expected: list[str]
) -> None:
    settings.EMBEDDED_VALKEY = False
    settings.REDIS_URL = url
    assert ids(checks.redis(None)) == expected


def test_production_without_redis_is_warned_of(settings: LazySettings) -> None:
    settings.EMBEDDED, settings.EMBEDDED_VALKEY = False, True
    assert ids(checks.redis(None)) == ["tradebot.W001"]


MOUNTS = r"""
/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
nas:/export /srv/nas nfs4 rw,vers=4.2 0 0
/dev/sdb1 /srv/nas/local xfs rw 0 0
//nas/share /srv/my\040share cifs rw 0 0
me@nas: /srv/ssh fuse.sshfs rw 0 0
tmpfs /srv/twice tmpfs rw 0 0
host /srv/twice 9p rw 0 0
""".strip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/tradebot.sqlite3", "ext4"),
        ("/srv/nas/tradebot.sqlite3", "nfs4"),
        ("/srv/nas", "nfs4"),
        ("/srv/nas2/tradebot.sqlite3", "ext4"),
        ("/srv/nas/local/tradebot.sqlite3", "xfs"),
        ("/srv/my share/tradebot.sqlite3", "cifs"),
        ("/srv/twice/tradebot.sqlite3", "9p"),
    ],
)
def test_the_longest_mount_above_a_path_tells_its_file_system(path: str, kind: str) -> None:
    assert checks.file_system(Path(path), MOUNTS) == kind


def test_without_mounts_no_file_system_is_known() -> None:
    assert checks.file_system(Path("/srv"), "") == ""


@pytest.mark.parametrize(
    ("directory", "embedded", "expected"),
    [
        ("/srv/nas", True, ["tradebot.E004"]),
        ("/srv/ssh", True, ["tradebot.E004"]),
        ("/srv/nas/local", True, []),
        ("/srv/nas", False, []),
    ],
)
def test_an_embedded_database_on_the_network_is_refused(
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    directory: str,
    embedded: bool,
    expected: list[str],
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    monkeypatch.setattr(checks, "MOUNTS", mounts)
    settings.EMBEDDED = embedded
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", f"{directory}/tradebot.sqlite3")
    assert ids(checks.embedded_database(None)) == expected


def test_a_system_that_lists_no_mounts_is_not_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checks, "MOUNTS", tmp_path / "absent")
    assert checks.embedded_database(None) == []
