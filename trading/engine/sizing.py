"""Lots from risk, exact in Decimal, with every factor on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trading.engine import money
from trading.engine.risk import Limits
from trading.engine.types import AccountState, Conversion, Costs, Denied, Instrument


@dataclass(frozen=True, slots=True)
class SizingRequest:
    """What a size depends on.

    `price` is the expected entry (ask for a buy, bid for a sell) and `stop` the protective price;
    `risk_percent` is lost from min(balance, equity) when the stop is hit.
    """

    instrument: Instrument
    account: AccountState
    side: int
    price: Decimal
    stop: Decimal
    risk_percent: Decimal
    limits: Limits = Limits()
    costs: Costs = Costs()
    conversion: Conversion = Conversion()


@dataclass(frozen=True, slots=True)
class Sizing:
    """A size with the way it was found; `lots` is 0 where there is a `denial`.

    `loss_per_lot` and `money_at_risk` are in account currency.
    """

    lots: Decimal
    loss_per_lot: Decimal
    money_at_risk: Decimal
    factors: Mapping[str, str] = field(default_factory=dict)
    denial: Denied | None = None


def size_position(request: SizingRequest) -> Sizing:
    """Whole steps whose loss at the stop stays within the risk budget, floored, capped, explained.

    lots = floor(risk / (loss per lot x step)) x step, then the caps: broker maximum, largest order,
    margin. Below the broker's minimum is a denial, never the minimum. Decimal refuses to compare
    what is not a number (ArithmeticError).
    """
    account, instrument = request.account, request.instrument
    base = min(account.balance, account.equity)
    budget = base * request.risk_percent / 100
    loss = loss_per_lot(request)
    if not (loss.is_finite() and loss > 0):
        denied = Denied("STOP_REQUIRED", f"Expected a loss per lot above 0, was {loss}")
        return Sizing(Decimal(0), loss, Decimal(0), {}, denied)
    raw = budget / loss
    lots, binding = _capped(request, raw)
    factors = {
        "base": f"{base:f}",
        "risk_percent": f"{request.risk_percent:f}",
        "risk_money": f"{budget:f}",
        "loss_per_lot": f"{loss:.6f}",
        "raw_lots": f"{raw:.6f}",
        "binding": binding,
        "lots": f"{lots:f}",
    }
    if lots < instrument.volume_min:
        reason = f"{lots:f} lots ({binding}) is below the broker's minimum {instrument.volume_min}"
        denied = Denied("VOLUME_BELOW_MIN", reason, factors)
        return Sizing(Decimal(0), loss, Decimal(0), factors, denied)
    return Sizing(lots, loss, lots * loss, factors)


def loss_per_lot(request: SizingRequest) -> Decimal:
    """Loss of one lot when the stop is hit, slippage on both sides and commission included.

    A rate that depends on the price is taken at the lower of entry and stop, its worst.
    """
    instrument, costs = request.instrument, request.costs
    distance = abs(request.price - request.stop) + 2 * costs.slippage_ticks * instrument.tick_size
    rate = request.conversion.at(min(request.price, request.stop))
    return distance * instrument.contract_size * rate + costs.commission_per_lot


def margin_per_lot(request: SizingRequest) -> Decimal:
    """Margin of one lot at the entry price, account currency."""
    notional = request.price * request.instrument.contract_size
    return notional * request.conversion.at(request.price) / request.account.leverage


def _capped(request: SizingRequest, raw: Decimal) -> tuple[Decimal, str]:
    """The smallest of risk and caps in whole steps, and the name of the one that was binding."""
    instrument, limits, account = request.instrument, request.limits, request.account
    room = account.equity * limits.margin_use / 100 - account.margin
    caps = {
        "risk": raw,
        "broker maximum": instrument.volume_max,
        "largest order": raw if limits.max_lots is None else limits.max_lots,
        "margin": max(Decimal(0), room) / margin_per_lot(request),
    }
    binding = min(caps, key=lambda name: caps[name])
    steps = money.whole_steps(caps[binding], instrument.volume_step)
    return steps * instrument.volume_step, binding
