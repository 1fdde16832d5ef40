"""What a deployment's sizing rule needs to know, read where the rule asks for it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from django.db.models import DecimalField, F, Sum, Window

from trading.engine.risk import (
    Action,
    Control,
    Exposure,
    LimitSet,
    Subject,
    Unit,
    day_start,
    exposure_of,
    loss_to_stop_out,
)
from trading.engine.sizing import Base, Caps, Facts, Method, Record, SizingRule
from trading.engine.sizing.facts import curve_of, record_of
from trading.engine.sizing.measures import measure_of
from trading.engine.sizing.scales import CURVE_TRADES
from trading.engine.types import TIMEFRAMES, AccountState, Bars, Market
from trading.models import Account, Deployment, Fill, Order, Position, Purpose
from trading.selectors.holdings import STOP_OUT, Prices, held_by, key_of
from trading.selectors.pending import reserving

_NET = F("profit") + F("swap") - F("commission")
_MONEY = DecimalField(max_digits=18, decimal_places=2)
_NONE, _CENT = Decimal(0), Decimal("0.01")


def facts_of(
    *, deployment: Deployment, rule: SizingRule, bars: Bars, market: Market, state: AccountState
) -> Facts:
    """The facts as of now: `bars` end with the newest closed one, `state` is the broker's."""
    account, tick = deployment.account, market.instrument.tick_size
    measure = measure_of(rule, bars, tick, TIMEFRAMES[deployment.timeframe])
    is_daily, is_scaled = rule.base is Base.DAY_START, rule.drawdown_to is not None
    return Facts(
        day_start_balance=_day_start_balance(account, market, state) if is_daily else None,
        peak_balance=state.balance + _below_peak(account) if is_scaled else None,
        atr=measure.atr,
        annual_volatility=measure.annual_volatility,
        record=_record(deployment) if rule.method is Method.KELLY else None,
        curve=_curve(deployment) if rule.curve_factor is not None else None,
        broker_tick_value=_broker_tick_value(deployment, market),
    )


def caps_of(*, deployment: Deployment, rule: SizingRule, limits: LimitSet, equity: Decimal) -> Caps:
    """What others have left of the symbol's volume limit, of leverage and of the open risk.

    The deployment's own positions are left out: an entry comes after they are closed.
    """
    allowed = [
        equity * limit.value / 100 if limit.unit is Unit.PERCENT_EQUITY else limit.value
        for limit in limits.of(Control.OPEN_RISK)
        if limit.subject is Subject.ACCOUNT and limit.action is not Action.NOTIFY
    ]
    caps = Caps(volume_open=_lots_on_the_way(deployment))
    if not allowed and rule.max_leverage is None:
        return caps
    others = _others(deployment, equity)
    if others is None or others.risk is None:  # the gate refuses what it cannot judge
        room = None
    else:  # reserved risk is rounded to the cent
        room = min(allowed) - others.risk - _CENT if allowed else None
    gross = None if others is None else others.gross
    return replace(caps, notional_open=gross, open_risk_room=room)


def _lots_on_the_way(deployment: Deployment) -> Decimal:
    """Those that are open are in the account that is decided about."""
    if deployment.symbol.volume_limit is None:
        return _NONE
    resting = reserving().filter(account=deployment.account_id, symbol=deployment.symbol_id)
    return resting.aggregate(lots=Sum("lots"))["lots"] or _NONE


def _others(deployment: Deployment, equity: Decimal) -> Exposure | None:
    """What is open and on its way but of this deployment; None where it cannot be valued."""
    account, key = deployment.account, key_of(deployment.pk)
    held = held_by(accounts=[account], prices=Prices(), besides=Order()).holdings[account.pk]
    if held is None:
        return None
    to_stop_out = loss_to_stop_out(equity, account.margin, STOP_OUT)
    return exposure_of([h for h in held if h.deployment != key], to_stop_out)


def _day_start_balance(account: Account, market: Market, state: AccountState) -> Decimal:
    """The balance less what deals have booked since; a deposit counts as if it had been there."""
    deals = Fill.objects.filter(account=account, at__gte=day_start(market.quote.time))
    return state.balance - (deals.aggregate(net=Sum(_NET, output_field=_MONEY))["net"] or _NONE)


def _below_peak(account: Account) -> Decimal:
    """How much less than at their best all deals together have brought by now."""
    so_far = Window(Sum(_NET, output_field=_MONEY), order_by=[F("at").asc(), F("id").asc()])
    deals = Fill.objects.filter(account=account)
    best = deals.annotate(so_far=so_far).order_by("-so_far").values_list("so_far", flat=True)
    now = deals.aggregate(net=Sum(_NET, output_field=_MONEY))["net"] or _NONE
    return max(best.first() or _NONE, _NONE) - now


def _record(deployment: Deployment) -> Record:
    """Of all closed positions whose entry has a record of its risk."""
    risks = dict(
        Order.objects.filter(deployment=deployment, purpose=Purpose.ENTRY)
        .exclude(position_id="")
        .values_list("position_id", "risk_money")
    )
    closed = Position.objects.filter(deployment=deployment, closed_at__isnull=False)
    rows = closed.values_list("broker_id", "profit", "swap", "commission")
    return record_of((p + s - c, risks.get(broker_id, _NONE)) for broker_id, p, s, c in rows)


def _curve(deployment: Deployment) -> tuple[Decimal, ...]:
    closed = Position.objects.filter(deployment=deployment, closed_at__isnull=False)
    newest = closed.order_by("-closed_at", "-id").annotate(net=_NET)
    nets = list(newest.values_list("net", flat=True)[:CURVE_TRADES])
    return curve_of(nets[::-1])


def _broker_tick_value(deployment: Deployment, market: Market) -> Decimal | None:
    """What it would be now if broker and we still differ as when they were compared."""
    ratio = deployment.symbol.tick_value_ratio
    if ratio is None:
        return None
    return ratio * market.instrument.tick_value * market.conversion.at(market.quote.bid)
