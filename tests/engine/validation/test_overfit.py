"""PBO on noise, on an edge, on losers in a stable order, and by its definition."""

from itertools import combinations

import numpy as np
import pytest

from trading.engine.types import EngineError, FloatArray
from trading.engine.validation.overfit import overfit


def noise(days: int, trials: int, seed: int = 1) -> FloatArray:
    return 0.01 * np.random.default_rng(seed).standard_normal((days, trials))


def test_the_best_of_noise_is_as_often_below_the_median_as_above() -> None:
    found = [overfit(noise(160, 30, seed), 8).probability for seed in range(200, 400)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_one_real_edge_is_found_again() -> None:
    returns = noise(1000, 50)
    returns[:, 7] += 0.003
    found = overfit(returns)
    assert (found.probability, found.loss) == (0.0, 0.0)


def test_costs_that_rank_all_trials_the_same_way_show_as_losses() -> None:
    """A low probability beside certain losses: why it is never a gate alone."""
    returns = noise(1000, 20) - 0.0005 * np.arange(5, 25)
    found = overfit(returns)
    assert found.probability < 0.3
    assert found.loss > 0.8


def test_what_was_good_by_luck_turns_round() -> None:
    """The halves of one trial sum to its whole: the better in one, the worse in the other."""
    slopes = [overfit(noise(160, 30, seed), 8).slope for seed in range(200, 240)]
    assert np.mean([slope for slope in slopes if slope is not None]) < -0.2


def test_the_halves_by_their_definition() -> None:
    """Four blocks, every half worked out from its days."""
    returns = noise(83, 6)
    found = overfit(returns, 4)
    blocks = np.split(returns[3:], 4)
    for k, chosen in enumerate(combinations(range(4), 2)):
        inside = np.concatenate([blocks[b] for b in chosen])
        outside = np.concatenate([blocks[b] for b in range(4) if b not in chosen])
        first, second = (part.mean(0) / part.std(0, ddof=1) for part in (inside, outside))
        best = first.argmax()
        share = (second <= second[best]).sum() / 7
        assert found.logits[k] == pytest.approx(np.log(share / (1 - share)))
        assert (found.inside[k], found.outside[k]) == pytest.approx((first[best], second[best]))


def test_all_halves_of_sixteen_blocks_are_judged() -> None:
    assert len(overfit(noise(64, 3)).logits) == 12_870


def test_trials_that_never_traded_are_trials() -> None:
    returns = np.hstack([noise(100, 2), np.zeros((100, 5))])
    assert np.isfinite(overfit(returns, 4).logits).all()


@pytest.mark.parametrize(("days", "trials", "blocks"), [(100, 1, 4), (100, 3, 5), (10, 3, 16)])
def test_too_little_is_an_error(days: int, trials: int, blocks: int) -> None:
    with pytest.raises(EngineError, match=f"was {trials} trials, {blocks} blocks, {days} days"):
        overfit(noise(days, trials), blocks)
