"""The shared clock: what it reads on each database, and what an age across a boot is."""

import time
from pathlib import Path

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from trading.selectors import clock
from trading.selectors.clock import Moment, boot_id, clock_read, seconds_since, uptime

ticks = st.floats(min_value=0, max_value=2e9)


@pytest.mark.django_db
def test_the_clock_goes_forward_under_one_boot() -> None:
    first = clock_read()
    time.sleep(0.02)
    second = clock_read()
    assert second.boot == first.boot
    assert 0.015 < second.tick - first.tick < 5


@pytest.mark.django_db
def test_the_clock_is_the_databases_where_several_machines_share_it() -> None:
    now = clock_read()
    if connection.vendor == "postgresql":
        assert (now.boot, now.tick > 1.7e9) == ("database", True)
    else:
        assert now.boot == boot_id()
        assert 0 <= uptime() - now.tick < 5


@given(tick=ticks, age=st.floats(min_value=0, max_value=1e6))
def test_within_a_boot_an_age_is_a_difference(tick: float, age: float) -> None:
    assert seconds_since(tick, "a", Moment(tick + age, "a")) == pytest.approx(age, abs=1e-5)


@given(tick=ticks, now=st.floats(min_value=-5, max_value=2e9))
def test_a_tick_of_an_earlier_boot_is_at_least_as_old_as_this_boot(tick: float, now: float) -> None:
    assert seconds_since(tick, "a", Moment(now, "b")) == max(now, 0)


@pytest.mark.skipif(not Path("/proc/sys/kernel").is_dir(), reason="reads the kernel's boot id")
def test_the_boot_id_is_the_kernels() -> None:
    assert boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@pytest.mark.parametrize(
    ("script", "found"), [("echo 12-34", "12-34"), ("exit 1", None), (None, None)]
)
def test_elsewhere_sysctl_knows_the_boot_or_nobody_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str | None, found: str | None
) -> None:
    sysctl = tmp_path / "sysctl"
    if script is not None:
        sysctl.write_text(f"#!/bin/sh\n{script}\n")
        sysctl.chmod(0o700)
    monkeypatch.setattr(clock, "_BOOT_ID", tmp_path / "absent")
    monkeypatch.setattr(clock, "_SYSCTL", sysctl)
    if found is not None:
        assert boot_id.__wrapped__() == found
        return
    with pytest.raises(RuntimeError, match="Expected the boot id"):
        boot_id.__wrapped__()
