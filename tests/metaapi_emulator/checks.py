"""What a broker refuses: volumes, prices, levels, expirations, money. Each check raises Refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tests.metaapi_emulator.accounts import Account, Ticket
from tests.metaapi_emulator.codes import Code, Malformed, Refused
from tests.metaapi_emulator.formats import broker_clock, from_broker_clock, parsed_time
from tests.metaapi_emulator.specifications import FILLING_MODES
from trading.brokers.market import SIMULATED_SYMBOLS
from trading.engine.types import Instrument

LONGEST_MARK: Final = 31
LONGEST_MARKS: Final = 30
MT4_LEAST_LIFE: Final = timedelta(minutes=10)


def check_marks(body: Mapping[str, Any]) -> None:
    """Comment and client id have to fit into the platform's comment; raises Malformed."""
    comment, client_id = str(body.get("comment") or ""), str(body.get("clientId") or "")
    most = LONGEST_MARKS if comment and client_id else LONGEST_MARK
    if len(comment) + len(client_id) > most:
        raise Malformed(comment=f"Expected at most {most} characters with the client id")


def check_may_trade(account: Account) -> None:
    """The account takes orders at all, now."""
    if account.is_away:
        raise Refused(Code.NEVER_DELIVERED)
    if account.terms.is_investor:
        raise Refused(Code.INVESTOR)
    if not account.may_trade:
        raise Refused(Code.TRADE_DISABLED)
    if account.market.is_closed:
        raise Refused(Code.MARKET_CLOSED)


def check_symbol(symbol: str) -> None:
    """The broker trades it."""
    if symbol not in SIMULATED_SYMBOLS:
        raise Refused(Code.UNKNOWN_SYMBOL)


def check_filling(body: Mapping[str, Any]) -> None:
    """One of the filling modes asked for is allowed."""
    asked = body.get("fillingModes") or []
    allowed = [mode.replace("SYMBOL", "ORDER") for mode in FILLING_MODES]
    if asked and not set(asked) & set(allowed):
        raise Refused(Code.INVALID_FILL)


def check_volume(account: Account, symbol: str, volume: Decimal) -> None:
    """Within the symbol's limits and in whole steps."""
    instrument = account.instrument(symbol)
    step = instrument.volume_step
    if not instrument.volume_min <= volume <= instrument.volume_max or volume % step:
        raise Refused(Code.INVALID_VOLUME)


def check_part(account: Account, symbol: str, volume: Decimal, held: Decimal) -> None:
    """Some of what is held, in whole steps."""
    if not 0 < volume <= held or volume % account.instrument(symbol).volume_step:
        raise Refused(Code.INVALID_VOLUME)


def check_levels(account: Account, ticket: Ticket, reference: Decimal) -> None:
    """Stop and take lie on their sides of `reference`, in whole ticks and far enough away."""
    instrument = account.instrument(ticket.symbol)
    for level, direction in ((ticket.stop, -ticket.side), (ticket.take, ticket.side)):
        if level is None:
            continue
        away = (level - reference) * direction / instrument.tick_size
        if away < max(1, instrument.stops_level) or not _is_price(instrument, level):
            raise Refused(Code.INVALID_STOPS)


def check_resting(account: Account, ticket: Ticket, kind: str) -> None:
    """A resting order's price lies on its own side of the market."""
    touch, price = account.opening_price(ticket.symbol, ticket.side), ticket.price
    direction = ticket.side if kind == "STOP" else -ticket.side
    if price is None or not _is_price(account.instrument(ticket.symbol), price):
        raise Refused(Code.INVALID_PRICE)
    if (price - touch) * direction <= 0:
        raise Refused(Code.INVALID_PRICE)


def check_money(account: Account, ticket: Ticket, price: Decimal) -> None:
    """The margin is there; what only reduces a netted position needs none."""
    if account.is_netting:
        held = next(account.held(ticket.symbol), None)
        if held and held.side != ticket.side and ticket.volume <= held.volume:
            return
    needed = account.margin_of(ticket.symbol, ticket.volume, price)
    if needed > account.equity - account.margin:
        raise Refused(Code.NO_MONEY)


def expiration_of(account: Account, body: Mapping[str, Any]) -> tuple[str, datetime | None]:
    """The expiration asked for: its type and when it ends, None = never."""
    asked = body.get("expiration") or {"type": "ORDER_TIME_GTC"}
    kind, now = str(asked.get("type")), account.market.now()
    known = ("SPECIFIED",) if account.is_mt4 else ("SPECIFIED", "SPECIFIED_DAY")
    if kind == "ORDER_TIME_GTC":
        return kind, None
    if kind == "ORDER_TIME_DAY" and not account.is_mt4:
        return kind, _end_of_day(now)
    if kind.removeprefix("ORDER_TIME_") in known:
        ends = _asked_time(asked)
        ends = _end_of_day(ends) if kind.endswith("_DAY") else ends
        if ends > now + (MT4_LEAST_LIFE if account.is_mt4 else timedelta(0)):
            return kind, ends
    raise Refused(Code.INVALID_EXPIRATION)


def _asked_time(asked: Mapping[str, Any]) -> datetime:
    try:
        return parsed_time(str(asked.get("time")))
    except ValueError as e:
        raise Malformed(**{"expiration.time": str(e)}) from e


def _end_of_day(at: datetime) -> datetime:
    midnight = broker_clock(at).replace(hour=0, minute=0, second=0, microsecond=0)
    return from_broker_clock(midnight + timedelta(days=1))


def _is_price(instrument: Instrument, price: Decimal) -> bool:
    return price > 0 and not price % instrument.tick_size
