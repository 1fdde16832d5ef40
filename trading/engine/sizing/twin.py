"""The simulator's compiled twin of `size_position`: the same steps, in floats and whole numbers.

A property test holds the two together. Money is account currency, prices are ticks, volumes steps.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Decimal
from typing import Final, NamedTuple

from trading.engine import fills, money
from trading.engine.fills import Contract
from trading.engine.kernels import kernel
from trading.engine.sizing import scales
from trading.engine.sizing.caps import Caps
from trading.engine.sizing.refusals import Code
from trading.engine.sizing.rules import HUNDRED, Base, Method, SizingRule
from trading.engine.types import Instrument

METHODS: Final = tuple(Method)
BASES: Final = tuple(Base)
CODES: Final = tuple(Code)
"""What the numbers in a recipe, and those below 0 that come out, stand for."""
FIXED, MONEY = METHODS.index(Method.FIXED), METHODS.index(Method.MONEY)
ATR, VOLATILITY = METHODS.index(Method.ATR), METHODS.index(Method.VOLATILITY)
KELLY = METHODS.index(Method.KELLY)
BALANCE, EQUITY = BASES.index(Base.BALANCE), BASES.index(Base.EQUITY)
FREE_MARGIN, DAY_START = BASES.index(Base.FREE_MARGIN), BASES.index(Base.DAY_START)
LOSS_ROOM = BASES.index(Base.LOSS_ROOM)


def refusal(code: Code) -> int:
    """How a refusal comes out of `steps_of`: below 0."""
    return -1 - CODES.index(code)


_BAD_INPUT, _FACT_UNKNOWN = refusal(Code.BAD_INPUT), refusal(Code.FACT_UNKNOWN)
_TOO_FEW, _NO_EDGE = refusal(Code.TOO_FEW_TRADES), refusal(Code.NO_EDGE)
_DRAWDOWN, _CURVE = refusal(Code.DRAWDOWN), refusal(Code.EQUITY_CURVE)
_BELOW_MIN = refusal(Code.VOLUME_BELOW_MIN)
_TRADES, _SHARE = scales.KELLY_TRADES, float(scales.KELLY_SHARE)
_Z, _TINY = float(scales.Z_ONE_SIDED_95), float(scales.TINY)


class Recipe(NamedTuple):
    """A rule, and the caps that stay."""

    method: int
    base: int
    value: float
    """Steps, money, or a share of the base."""
    atr_multiple: float
    start: float
    """Share of the base until Kelly has enough trades."""
    drawdown_from: float
    drawdown_to: float
    """Shares; infinite = no scaling."""
    curve_factor: float
    """1 = no scaling."""
    gap: int
    nights: int
    coefficient: float
    min_steps: int
    max_steps: int
    margin_use: float
    """Share of equity that may be margin."""
    max_leverage: float
    """Infinite = not limited."""


class Purse(NamedTuple):
    """The account when a size is wanted."""

    balance: float
    equity: float
    margin: float
    notional: float
    """What everything open is worth."""
    day_balance: float
    peak: float
    """The highest balance there was."""
    loss_room: float
    """Infinite = not limited."""
    open_risk_room: float


class Evidence(NamedTuple):
    """What was measured: of the symbol and of the strategy's trades."""

    measure: float
    """ATR in ticks or annual volatility, by the method; NaN = not known yet."""
    trades: int
    wins: int
    won: float
    lost: float
    """Sums of R."""
    is_below_mean: bool
    """Whether the strategy's equity is below its mean of 20 trades."""


class Ask(NamedTuple):
    """The entry: price and distance of the stop in ticks, `rate` as in `fills`."""

    side: int
    price: int
    distance: int
    rate: float


def recipe_of(rule: SizingRule, instrument: Instrument, caps: Caps) -> Recipe:
    """The floats of a rule; of the caps those that do not change during a run."""
    step = instrument.volume_step
    largest = [instrument.volume_max]
    if caps.max_lots is not None:
        largest.append(caps.max_lots)
    if instrument.volume_limit is not None:
        largest.append(instrument.volume_limit - caps.volume_open)
    smallest = (instrument.volume_min / step).to_integral_value(ROUND_CEILING)
    unit = {Method.FIXED: step, Method.MONEY: Decimal(1)}.get(rule.method, HUNDRED)
    ends = (rule.drawdown_from, rule.drawdown_to)
    leverage = math.inf if rule.max_leverage is None else float(rule.max_leverage)
    return Recipe(
        method=METHODS.index(rule.method),
        base=BASES.index(rule.base),
        value=float(rule.value / unit),
        atr_multiple=float(rule.atr_multiple),
        start=float(rule.start_percent / 100),
        drawdown_from=math.inf if ends[0] is None else float(ends[0] / 100),
        drawdown_to=math.inf if ends[1] is None else float(ends[1] / 100),
        curve_factor=1.0 if rule.curve_factor is None else float(rule.curve_factor),
        gap=rule.gap_ticks,
        nights=rule.nights,
        coefficient=float(rule.max_risk_coefficient),
        min_steps=int(smallest),
        max_steps=money.whole_steps(min(largest), step),
        margin_use=float(caps.margin_use / 100),
        max_leverage=leverage,
    )


class Size(NamedTuple):
    """Whole steps, or a `refusal` below 0, and what one of them loses at the stop."""

    steps: int
    loss: float


@kernel
def size_of(recipe: Recipe, contract: Contract, ask: Ask, purse: Purse, seen: Evidence) -> Size:
    """`size_position` in floats."""
    distance = _distance_of(recipe, ask, seen)
    if distance < 0:
        return Size(distance, 0.0)
    loss = _loss_per_step(recipe, contract, ask, distance)
    return Size(_steps(recipe, contract, ask, purse, seen, loss), loss)


@kernel
def _steps(
    recipe: Recipe, contract: Contract, ask: Ask, purse: Purse, seen: Evidence, loss: float
) -> int:
    """Whole steps within rule and caps, or a refusal."""
    scale = _scale_of(recipe, purse, seen)
    if scale < 0.0:
        return int(scale)
    wanted = _wanted(recipe, seen)
    if wanted < 0.0:
        return int(wanted)
    cost = 1.0 if recipe.method == FIXED else loss
    if recipe.method == VOLATILITY:
        cost = _notional(contract, ask)
    base = 1.0 if recipe.method in (FIXED, MONEY) else _base_of(recipe, purse)
    raw = base * wanted * scale / cost
    most = _most(recipe, contract, ask, purse, loss)
    steps = min(fills.whole_steps(raw, 1.0), most)
    if steps >= recipe.min_steps:
        return steps
    lifted = fills.whole_steps(raw * recipe.coefficient, 1.0)
    if recipe.coefficient > 1.0 and min(lifted, most) >= recipe.min_steps:
        return recipe.min_steps
    return _BELOW_MIN


@kernel
def _loss_per_step(recipe: Recipe, contract: Contract, ask: Ask, distance: int) -> float:
    """Loss of one step when a stop so many ticks away is hit: `losses.loss_of`."""
    worst = min(ask.price, ask.price - ask.side * distance)
    points = contract.swap_long if ask.side > 0 else contract.swap_short
    ticks = distance + 2 * contract.slippage + recipe.gap
    value = (ticks + recipe.nights * max(0.0, -points)) * contract.step_tick_value
    return value * fills.rate_at(contract, worst, ask.rate) + contract.step_commission


@kernel
def _distance_of(recipe: Recipe, ask: Ask, seen: Evidence) -> int:
    """What the loss is counted over, or a refusal."""
    if recipe.method != ATR:
        return ask.distance
    if math.isnan(seen.measure):
        return _FACT_UNKNOWN
    distance = max(ask.distance, math.ceil(recipe.atr_multiple * seen.measure - 1e-9))
    return _BAD_INPUT if ask.side > 0 and distance >= ask.price else distance


@kernel
def _notional(contract: Contract, ask: Ask) -> float:
    """What one step is worth."""
    value = contract.step_tick_value * ask.price
    return value * fills.rate_at(contract, ask.price, ask.rate)


@kernel
def _base_of(recipe: Recipe, purse: Purse) -> float:
    """The money that shares are of."""
    if recipe.base == BALANCE:
        return purse.balance
    if recipe.base == EQUITY:
        return purse.equity
    if recipe.base == FREE_MARGIN:
        return purse.equity - purse.margin
    if recipe.base == DAY_START:
        return purse.day_balance
    if recipe.base == LOSS_ROOM:
        return purse.loss_room
    return min(purse.balance, purse.equity)


@kernel
def _wanted(recipe: Recipe, seen: Evidence) -> float:
    """Steps, money, or the share of the base that counts; or a refusal."""
    if recipe.method == VOLATILITY:
        return _FACT_UNKNOWN if math.isnan(seen.measure) else recipe.value / seen.measure
    if recipe.method != KELLY:
        return recipe.value
    if seen.trades < _TRADES:
        return recipe.start if recipe.start > 0.0 else _TOO_FEW
    if seen.lost == 0.0:
        return _FACT_UNKNOWN
    if seen.wins == 0 or seen.won <= 0.0:
        return _NO_EDGE
    payoff = seen.won * (seen.trades - seen.wins) / (seen.wins * seen.lost)
    fraction = (_lower_win_rate(seen.wins, seen.trades) * (payoff + 1.0) - 1.0) / payoff
    return min(fraction * _SHARE, recipe.value) if fraction > 0.0 else _NO_EDGE


@kernel
def _lower_win_rate(wins: int, trades: int) -> float:
    p = wins / trades
    spread = _Z * math.sqrt(p * (1.0 - p) / trades + _Z * _Z / (4.0 * trades * trades))
    return (p + _Z * _Z / (2.0 * trades) - spread) / (1.0 + _Z * _Z / trades)


@kernel
def _scale_of(recipe: Recipe, purse: Purse, seen: Evidence) -> float:
    """What drawdown and equity curve make of a size, or a refusal."""
    scale = 1.0
    if recipe.drawdown_to < math.inf:
        now = min(purse.balance, purse.equity)
        drawdown = max(0.0, (purse.peak - now) / max(purse.peak, purse.balance))
        reach = recipe.drawdown_to - recipe.drawdown_from
        scale = min(1.0, 1.0 - (drawdown - recipe.drawdown_from) / reach)
        if scale <= _TINY:
            return _DRAWDOWN
    if recipe.curve_factor < 1.0 and seen.is_below_mean:
        scale *= recipe.curve_factor
        if scale == 0.0:
            return _CURVE
    return scale


@kernel
def _most(recipe: Recipe, contract: Contract, ask: Ask, purse: Purse, loss: float) -> int:
    """The steps that every cap allows."""
    margin = fills.margin_of(contract, 1, ask.price, ask.rate)
    room = purse.equity * recipe.margin_use - purse.margin
    most = min(recipe.max_steps, fills.whole_steps(room, margin))
    if recipe.max_leverage < math.inf:
        room = purse.equity * recipe.max_leverage - purse.notional
        most = min(most, fills.whole_steps(room, _notional(contract, ask)))
    room = min(purse.loss_room, purse.open_risk_room)
    if room < math.inf:
        most = min(most, fills.whole_steps(room, loss))
    return most
