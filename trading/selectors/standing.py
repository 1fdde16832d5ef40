"""How near an account is to the limits that hold for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from trading.engine.risk import (
    Clock,
    Control,
    DrawdownState,
    Limit,
    LimitSet,
    Place,
    Subject,
    Unit,
    floor_of,
)
from trading.engine.risk.facts import Key
from trading.models import Account, Position
from trading.selectors.filters import market_now
from trading.selectors.losses import counting, day_state, loss_states
from trading.selectors.risk import limit_book

ALL: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Standing:
    """A limit and where the account stands: `found` against `bound`, in the words of the limit.

    `used` is percent of the room that is gone; None where nothing is used up, or not known.
    """

    limit: Limit
    found: Decimal | None = None
    bound: Decimal | None = None
    used: Decimal | None = None
    problem: str = ""


def limits_at(*, account: Account) -> LimitSet:
    """What holds for every deployment of an account; EngineError where a row makes no sense."""
    book = limit_book()
    return book.at(Place(account=str(account.pk), groups=book.groups.get(account.pk, ())))


def standings_of(*, account: Account) -> list[Standing]:
    """Of the limits that say something of the account as it is now, in the order of the gate."""
    limits, at = limits_at(account=account), market_now(source=account.source)
    losses = counting(limits)
    states = _states(account, losses, at)
    found: list[Standing] = []
    for limit in limits:
        if limit in losses:
            found.append(_loss(limit, states.get(_key(limit), {}), account, at))
        else:
            found.extend(_plain(limit, account))
    return found


def _states(
    account: Account, losses: list[Limit], at: datetime
) -> Mapping[Key, Mapping[Clock, DrawdownState]]:
    groups = [limit.target for limit in losses if limit.subject is Subject.GROUP]
    rows = loss_states(account=account, groups=groups)
    states = {key: {c: row.state() for c, row in clocks.items()} for key, clocks in rows.items()}
    own = (Subject.ACCOUNT, "")
    return {**states, own: {**day_state(account, at), **states.get(own, {})}}


def _key(limit: Limit) -> Key:
    if limit.spec.is_own_stream:
        return Subject.DEPLOYMENT, ""
    return (limit.subject, limit.own) if limit.own else (limit.subject, "")


def _loss(
    limit: Limit, states: Mapping[Clock, DrawdownState], account: Account, at: datetime
) -> Standing:
    if limit.spec.is_own_stream:
        return Standing(limit, problem="of each deployment by itself")
    state = states.get(limit.clock)
    if state is None:
        return Standing(limit, problem="its reference is not known yet")
    if state.started < limit.clock.start(at):
        return Standing(limit, problem=f"its reference is of {state.started:%Y-%m-%d %H:%M} UTC")
    equity = account.equity if limit.subject is Subject.ACCOUNT else None
    floor = floor_of(limit, state, equity)
    return Standing(limit, floor.equity, floor.floor, round(floor.used, 1))


def _plain(limit: Limit, account: Account) -> Iterator[Standing]:
    equity, margin = account.equity, account.margin
    if limit.control is Control.EQUITY_STOP and limit.subject is Subject.ACCOUNT:
        yield Standing(limit, equity, limit.value)
    elif limit.control is Control.MARGIN_LEVEL and margin > 0:
        yield Standing(limit, round(equity / margin * ALL, 1), limit.value)
    elif limit.control is Control.MARGIN_USE:
        share = limit.unit is Unit.PERCENT_EQUITY
        yield _share(limit, margin, equity * limit.value / ALL if share else limit.value)
    elif limit.control is Control.MAX_POSITIONS and limit.subject is Subject.ACCOUNT:
        count = Position.objects.filter(account=account, closed_at__isnull=True).count()
        yield _share(limit, Decimal(count), limit.value)


def _share(limit: Limit, found: Decimal, bound: Decimal) -> Standing:
    used = round(found / bound * ALL, 1) if bound > 0 else None
    return Standing(limit, found, bound, used)
