"""Changes are told, chance is not, and rows that depend on each other are no evidence."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.engine.monitoring.drift import Distance, Drift, Permutation, distance, drift, drifts
from trading.engine.types import EngineError, FloatArray

FEW = Permutation(count=99)


def series(rows: int, rho: float = 0.0, seed: int = 1) -> FloatArray:
    """A feature whose rows remember each other by `rho`."""
    noise = np.random.default_rng(seed).standard_normal(rows)
    values = noise.copy()
    for k in range(1, rows):
        values[k] = rho * values[k - 1] + noise[k]
    return values


def test_the_index_by_hand() -> None:
    """Two values, 100 rows each: shares 30/70 and 60/40, half a count added to each."""
    before, now = np.repeat([0.0, 1.0], [30, 70]), np.repeat([0.0, 1.0], [60, 40])
    p, q = np.array([30.5, 70.5]) / 101, np.array([60.5, 40.5]) / 101
    assert drift(before, now).psi == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_the_usual_rule_of_a_tenth_is_noise_for_few_rows() -> None:
    """Fifty rows exceed it in most cases, five hundred never, with nothing changed at all."""
    rng = np.random.default_rng(1)

    def share(rows: int) -> float:
        known, pairs = rng.standard_normal(5000), [rng.standard_normal(rows) for _ in range(60)]
        return float(np.mean([drift(known, now, Permutation(1)).psi > 0.10 for now in pairs]))

    assert share(50) > 0.6
    assert share(500) == 0.0


Judge = Callable[[FloatArray, FloatArray, Permutation], Drift | Distance]


@pytest.mark.parametrize("judge", [drift, distance])
def test_independent_rows_of_one_market_rarely_alarm(judge: Judge) -> None:
    found = []
    for seed in range(60):
        rows = series(1000, seed=seed)
        told = judge(rows[:800], rows[800:], FEW)
        found.append((told.p_independent, told.p_blocks))
    alarms = np.mean(np.array(found, float) < 0.1, axis=0)
    assert (alarms < 0.2).all()
    assert (alarms > 0.02).all()


@pytest.mark.parametrize("judge", [drift, distance])
def test_rows_that_depend_on_each_other_fool_the_tables_and_not_the_blocks(
    judge: Judge,
) -> None:
    found = []
    for seed in range(40):
        rows = series(2000, 0.9, seed)
        told = judge(rows[:1600], rows[1600:], FEW)
        found.append((told.p_independent, told.p_blocks))
    tables, blocks = np.mean(np.array(found, float) < 0.05, axis=0)
    assert tables > 0.4
    assert blocks < 0.15


def test_a_change_of_mean_or_of_spread_is_told() -> None:
    known = series(3000, 0.3)
    for now in (series(600, 0.3, 2) + 0.5, series(600, 0.3, 2) * 1.6):
        assert (drift(known, now).p_blocks or 1.0) < 0.01
    assert (distance(known, series(600, 0.3, 2) + 0.5).p_blocks or 1.0) < 0.01


def test_among_many_columns_one_change_is_told_and_the_others_are_not() -> None:
    known = {f"f{k}": series(2000, seed=k) for k in range(20)}
    now = {f"f{k}": series(400, seed=100 + k) for k in range(20)}
    now["f7"] = now["f7"] + 1.0
    found = drifts(known, now)
    told = {name for name, item in found.items() if (item.p_adjusted or 1.0) < 0.05}
    assert told == {"f7"}


def test_few_rows_are_not_judged() -> None:
    found = drifts({"f": series(1000)}, {"f": series(199)})["f"]
    assert found.psi > 0.0
    assert (found.p_independent, found.p_blocks, found.p_adjusted) == (None, None, None)
    assert distance(series(1000), series(199)).p_blocks is None


def test_a_column_of_one_value_has_not_drifted() -> None:
    found = drift(np.ones(500), np.ones(300))
    assert (found.psi, found.p_blocks) == (0.0, None)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 59))
def test_the_distance_by_its_definition(values: list[int], cut: int) -> None:
    rows = np.array([*values, 3, 1], float)
    before, now = rows[: min(cut, len(values))], rows[min(cut, len(values)) :]
    gaps = [abs((before <= v).mean() - (now <= v).mean()) for v in range(6)]
    assert distance(before, now).distance == pytest.approx(max(gaps))


def test_the_same_seed_gives_the_same_p_values() -> None:
    first, second = (drift(series(900), series(300, seed=2), FEW) for _ in range(2))
    assert first == second


def test_what_cannot_be_compared_is_an_error() -> None:
    with pytest.raises(EngineError, match=r"Expected columns \['a'\], was \['b'\]"):
        drifts({"a": series(9)}, {"b": series(9)})
    for bad in (np.array([np.nan]), np.empty(0)):
        with pytest.raises(EngineError, match="Expected two samples of finite values"):
            drift(series(9), bad)
