"""How many lots a rule finds before caps and steps, and by which factors."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import TypeVar

from trading.engine.sizing import scales
from trading.engine.sizing.caps import Caps, PerLot
from trading.engine.sizing.facts import Facts, Record
from trading.engine.sizing.refusals import Code, Refusal
from trading.engine.sizing.request import SizingRequest
from trading.engine.sizing.rules import HUNDRED, Base, Method, SizingRule
from trading.engine.types import AccountState

T = TypeVar("T")
Factors = dict[str, str]
_NOISE = Decimal("1e-9")


def known(name: str, value: T | None) -> T:
    """The fact, or the refusal that names it."""
    if value is None:
        raise Refusal(Code.FACT_UNKNOWN, f"Expected {name}, which the rule needs, was none")
    return value


def base_money(base: Base, account: AccountState, facts: Facts, caps: Caps) -> Decimal:
    """The money that percentages are of."""
    if base is Base.BALANCE:
        return account.balance
    if base is Base.EQUITY:
        return account.equity
    if base is Base.FREE_MARGIN:
        return account.free_margin
    if base is Base.DAY_START:
        return known("day_start_balance", facts.day_start_balance)
    if base is Base.LOSS_ROOM:
        return known("loss_room", caps.loss_room)
    return min(account.balance, account.equity)


def stop_distance(rule: SizingRule, facts: Facts, distance: Decimal, tick: Decimal) -> Decimal:
    """What the loss is counted over: the distance of the stop, of ATR sizing at least the multiple
    of the ATR, in whole ticks upwards."""
    if rule.method is not Method.ATR:
        return distance
    ticks = rule.atr_multiple * known("atr", facts.atr) / tick
    return max(distance, (ticks - _NOISE).to_integral_value(ROUND_CEILING) * tick)


def lots_wanted(request: SizingRequest, per_lot: PerLot, factors: Factors) -> Decimal:
    """Lots of the rule, scaled but neither capped nor rounded; notes what they came from."""
    rule, facts = request.rule, request.facts
    scale = _scale(request, factors)
    if rule.method is Method.FIXED:
        factors["fixed_lots"] = f"{rule.value:f}"
        return rule.value * scale
    if rule.method is Method.MONEY:
        money = rule.value * scale
    else:
        base = base_money(rule.base, request.account, facts, request.caps)
        factors |= {"base_name": rule.base.value, "base": f"{base:f}"}
        money = base * _percent(rule, facts, factors) / 100 * scale
    if rule.method is not Method.VOLATILITY:
        factors["risk_money"] = f"{money:f}"
        return money / per_lot.loss
    volatility = known("annual_volatility", facts.annual_volatility)
    notional = money / volatility
    factors |= {"annual_volatility": f"{volatility:.6f}", "notional": f"{notional:.2f}"}
    return notional / per_lot.notional


def _percent(rule: SizingRule, facts: Facts, factors: Factors) -> Decimal:
    """The share of the base that counts, in percent."""
    if rule.method is not Method.KELLY:
        name = "target_percent" if rule.method is Method.VOLATILITY else "risk_percent"
        factors[name] = f"{rule.value:f}"
        return rule.value
    record = known("record", facts.record)
    factors["trades"] = str(record.trades)
    if record.trades >= scales.KELLY_TRADES:
        percent = min(_kelly(record, factors) * scales.KELLY_SHARE * HUNDRED, rule.value)
    elif rule.start_percent > 0:
        percent = rule.start_percent
    else:
        expected = f"Expected {scales.KELLY_TRADES} trades to size by, was {record.trades}"
        raise Refusal(Code.TOO_FEW_TRADES, expected)
    factors["risk_percent"] = f"{percent:.6f}"
    return percent


def _kelly(record: Record, factors: Factors) -> Decimal:
    """Kelly's fraction at the least win rate that is likely; Refusal where it is not above 0."""
    if record.lost == 0:
        raise Refusal(Code.FACT_UNKNOWN, "Expected a trade that lost, to size by, was none")
    losers = record.trades - record.wins
    win_rate = scales.lower_win_rate(record.wins, record.trades)
    payoff = record.won * losers / (record.wins * record.lost) if record.wins else Decimal(0)
    fraction = scales.kelly_fraction(win_rate, payoff) if payoff > 0 else Decimal(0)
    factors |= {
        "win_rate": f"{win_rate:.6f}",
        "payoff": f"{payoff:.6f}",
        "kelly": f"{fraction:.6f}",
    }
    if fraction > 0:
        return fraction
    raise Refusal(
        Code.NO_EDGE,
        f"Expected trades that win, was a rate of at least {win_rate:.4f} at {payoff:.4f} R",
    )


def _scale(request: SizingRequest, factors: Factors) -> Decimal:
    """What limits, drawdown and equity curve make of a size, up to 1; Refusal where it is 0."""
    rule, facts, scale = request.rule, request.facts, request.facts.limit_scale
    if scale != 1:
        factors["limit_scale"] = f"{scale:f}"
    if rule.drawdown_from is not None and rule.drawdown_to is not None:
        drawdown = _drawdown(request.account, known("peak_balance", facts.peak_balance))
        left = scales.drawdown_scale(drawdown, rule.drawdown_from, rule.drawdown_to)
        factors |= {"drawdown": f"{drawdown:.4f}", "drawdown_scale": f"{left:.6f}"}
        scale *= left
        if left == 0:
            end = f"{rule.drawdown_to:f} %"
            raise Refusal(Code.DRAWDOWN, f"Drawdown is {drawdown:.2f} %, sizes end at {end}")
    if rule.curve_factor is not None:
        is_below = scales.is_below_mean(known("curve", facts.curve))
        factor = rule.curve_factor if is_below else Decimal(1)
        factors["curve_scale"] = f"{factor:f}"
        if factor == 0:
            raise Refusal(Code.EQUITY_CURVE, "The strategy's equity is below its mean of 20 trades")
        scale *= factor
    return scale


def _drawdown(account: AccountState, peak: Decimal) -> Decimal:
    """Percent of the highest balance that is gone, floating losses counted."""
    now = min(account.balance, account.equity)
    return max(Decimal(0), 100 * (peak - now) / max(peak, account.balance))
