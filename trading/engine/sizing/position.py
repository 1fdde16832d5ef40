"""`size_position`: the size of one order, exact in Decimal, with every factor on record."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from trading.engine import money
from trading.engine.risk import loss_to_stop_out
from trading.engine.sizing import checks, margins, methods
from trading.engine.sizing.caps import PerLot
from trading.engine.sizing.losses import Levels, Loss, loss_of
from trading.engine.sizing.refusals import Code, Refusal
from trading.engine.sizing.request import Sizing, SizingRequest
from trading.engine.types import AccountState, Denied, EngineError, Instrument

NOTHING = Decimal(0)


def size_position(request: SizingRequest) -> Sizing:
    """Whole steps that the rule finds and every cap allows, floored, never rounded up.

    lots = floor(smallest of rule and caps / step) x step. Below the broker's minimum is a denial,
    unless the rule's risk coefficient allows the minimum. What is missing, not finite or cannot be
    is a denial too: nothing is guessed, nothing raised. A quotient within 1e-12 of a whole number
    of steps counts as it (`money.whole_steps`).
    """
    factors: dict[str, str] = {"method": request.rule.method.value}
    loss = NOTHING
    try:
        checks.check(request)
        parts = _loss(request)
        loss = parts.total
        factors |= parts.factors
        lots = _lots(request, _per_lot(request, loss), factors)
    except Refusal as e:
        return _refused(e.code, str(e), loss, factors)
    except EngineError as e:  # margin terms that are not known
        return _refused(Code.SPECIFICATION_UNKNOWN, str(e), loss, factors)
    except ArithmeticError as e:  # beyond what Decimal can hold
        return _refused(Code.BAD_INPUT, repr(e), loss, factors)
    at_risk = lots * loss
    factors["money_at_risk"] = f"{money.cents(at_risk):.2f}"
    return Sizing(lots, loss, at_risk, factors)


def _refused(code: Code, message: str, loss: Decimal, factors: dict[str, str]) -> Sizing:
    return Sizing(NOTHING, loss, NOTHING, factors, Denied(code.value, message, factors))


def loss_per_lot(request: SizingRequest) -> Decimal:
    """Loss of one lot when the stop is hit, account currency; see `losses.loss_of`."""
    return _loss(request).total


def margin_per_lot(request: SizingRequest) -> Decimal:
    """Margin of one lot at the entry price, account currency; see `margins`."""
    instrument, price = request.instrument, request.price
    rate = request.conversion.at(price)
    terms = margins.margin_terms(instrument, request.account.leverage)
    return terms.share * margins.notional(instrument, price, rate) + terms.fixed * rate


def _loss(request: SizingRequest) -> Loss:
    rule, price, tick = request.rule, request.price, request.instrument.tick_size
    distance = abs(price - request.stop)
    distance = methods.stop_distance(rule, request.facts, distance, tick)
    stop = price - request.side * distance
    if stop <= 0:
        raise Refusal(Code.BAD_INPUT, f"Expected a stop above 0, was {stop}")
    levels = Levels(request.side, price, stop, rule.gap_ticks, rule.nights)
    return loss_of(request.instrument, levels, request.costs, request.conversion)


def _per_lot(request: SizingRequest, loss: Decimal) -> PerLot:
    rate = request.conversion.at(request.price)
    value = margins.notional(request.instrument, request.price, rate)
    return PerLot(loss, margin_per_lot(request), value)


def _lots(request: SizingRequest, per_lot: PerLot, factors: dict[str, str]) -> Decimal:
    """The lots, with the rest of the factors; Refusal below the minimum."""
    instrument, account = request.instrument, request.account
    raw = methods.lots_wanted(request, per_lot, factors)
    caps = _lots_allowed(request, per_lot)
    limits = {"risk": raw, **caps}
    binding = min(limits, key=lambda name: limits[name])
    step = instrument.volume_step
    lots = money.whole_steps(limits[binding], step) * step
    if lots < instrument.volume_min and _is_minimum_allowed(request, raw, caps):
        lots, binding = _smallest(instrument), "smallest order"
    factors |= {
        "raw_lots": f"{raw:.6f}",
        **{f"cap: {name}": f"{value:.6f}" for name, value in caps.items()},
        "binding": binding,
        "lots": f"{lots:f}",
        **_margin_factors(account, lots * per_lot.margin),
    }
    if lots < instrument.volume_min:
        reason = f"{lots:f} lots ({binding}) is below the broker's minimum {instrument.volume_min}"
        raise Refusal(Code.VOLUME_BELOW_MIN, reason)
    return lots


def _lots_allowed(request: SizingRequest, per_lot: PerLot) -> dict[str, Decimal]:
    """The most lots that each cap allows, not rounded and never negative, by the cap's name."""
    caps, rule, instrument = request.caps, request.rule, request.instrument
    equity = request.account.equity
    found = {"broker maximum": instrument.volume_max}
    if instrument.volume_limit is not None:
        found["symbol volume limit"] = instrument.volume_limit - caps.volume_open
    if caps.max_lots is not None:
        found["largest order"] = caps.max_lots
    found["margin"] = (equity * caps.margin_use / 100 - request.account.margin) / per_lot.margin
    if rule.max_leverage is not None:
        value = methods.known("notional_open", caps.notional_open)
        found["leverage"] = (equity * rule.max_leverage - value) / per_lot.notional
    if caps.open_risk_room is not None:
        found["open risk"] = caps.open_risk_room / per_lot.loss
    if caps.loss_room is not None:
        found["loss room"] = caps.loss_room / per_lot.loss
    return {name: max(NOTHING, lots) for name, lots in found.items()}


def _margin_factors(account: AccountState, needed: Decimal) -> dict[str, str]:
    """What the account's margin looks like after an order that needs so much."""
    used = account.margin + needed
    level = margins.margin_level(account.equity, used)
    left = loss_to_stop_out(account.equity, used, margins.STOP_OUT_LEVEL)
    return {
        "margin": f"{needed:.2f}",
        "margin_level_after": "none" if level is None else f"{level:.2f}",
        "loss_to_stop_out_after": f"{left:.2f}",
    }


def _is_minimum_allowed(request: SizingRequest, raw: Decimal, caps: Mapping[str, Decimal]) -> bool:
    """Whether the rule's coefficient lets the smallest order through, and every cap does."""
    coefficient = request.rule.max_risk_coefficient
    if coefficient == 1:
        return False
    smallest = _smallest(request.instrument)
    return all(money.whole_steps(most, smallest) for most in (raw * coefficient, *caps.values()))


def _smallest(instrument: Instrument) -> Decimal:
    """The smallest order in whole steps."""
    steps = (instrument.volume_min / instrument.volume_step).to_integral_value(ROUND_CEILING)
    return steps * instrument.volume_step
