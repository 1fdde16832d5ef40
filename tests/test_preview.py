"""What the preview says is what the book executes: ten thousand accounts, markets and rules."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.engine.sizing.asking import request_of
from tests.parity import Scripted
from tests.plays import STAGES, STARTS, Stage, limits, pick
from trading.engine.book import Book, Listing
from trading.engine.book_state import Ticket
from trading.engine.decide import Plan, Scene, decide, preview
from trading.engine.money import conversion_for, money_from_float
from trading.engine.sizing import Facts
from trading.engine.types import (
    Bars,
    Costs,
    Denied,
    Instrument,
    Market,
    OrderIntent,
    Quote,
    Signals,
)

CASES = int(os.environ.get("PREVIEW_CASES", "10000"))
CHUNK = 500


def wish(rng: np.random.Generator, instrument: Instrument, price: Decimal) -> Scripted:
    """Two rows, the newer of which asks for an entry to one side."""
    side = np.array([0, pick(rng, (1, -1))], np.int8)
    tick = float(instrument.tick_size)
    stop, take = (np.full(2, rng.integers(1, 900) * tick) for _ in "st")
    nothing = np.full(2, np.nan)
    entry = np.full(2, float(price) + tick * float(rng.integers(-30, 30)))
    entries = entry if rng.random() < 0.2 else nothing
    rows = Signals(side, stop, take if rng.random() < 0.5 else nothing, nothing, entries, nothing)
    return Scripted([0, 60], rows)


def market_of(rng: np.random.Generator, stage: Stage) -> tuple[Market, dict[str, Quote]]:
    spec, at = stage.instrument, STARTS[0]
    bid = stage.level * spec.tick_size
    quote = Quote(spec.symbol, at, bid, bid + int(rng.integers(0, 9)) * spec.tick_size)
    quotes = {spec.symbol: quote}
    if stage.converter is not None:
        name, price = stage.converter
        quotes[name] = Quote(name, at, Decimal(price), Decimal(price) + Decimal("0.00013"))
    costs = Costs(Decimal(pick(rng, ("0", "7.35"))), pick(rng, (0, 1, 2)))
    return Market(spec, quote, conversion_for(spec, stage.currency, quotes), costs), quotes


def facts_of(rng: np.random.Generator, given: Facts, book: Book, tick: Decimal) -> Facts:
    """Facts that suit account and symbol, known where they were."""
    atr = None if given.atr is None else int(rng.integers(1, 400)) * tick
    peak = money_from_float(book.state.balance * 1.02)
    return replace(given, atr=atr, peak_balance=peak)


def case(seed: int) -> str:
    """Compare one preview with what happens then; how it ended."""
    rng = np.random.default_rng(seed)
    stage = pick(rng, STAGES)
    market, quotes = market_of(rng, stage)
    spec, asked = stage.instrument, request_of(seed)
    balance = Decimal(pick(rng, ("487.65", "10000", "25000.01", "1000000")))
    listings = {spec.symbol: Listing(spec, market.costs)}
    book = Book.opening(balance, listings, stage.currency, pick(rng, (30, 500)))
    for quote in quotes.values():
        book.on_quote(quote)
    strategy = wish(rng, spec, market.quote.bid)
    caps = replace(asked.caps, notional_open=Decimal(0), volume_open=Decimal(0))
    plan = Plan(strategy, spec.symbol, asked.rule, limits(rng), caps=caps)
    facts = facts_of(rng, asked.facts, book, spec.tick_size)
    flat = np.full(2, float(market.quote.bid))
    bars = Bars(np.array([0, 60]), flat, flat, flat, flat, flat, np.zeros(2))
    account = book.account()
    shown = preview(plan, bars, Scene(market, account, facts))[int(strategy.rows.side[1])]
    done = decide(plan, bars, market, account, facts=facts).entry
    assert done == shown
    if isinstance(done, Denied):
        return done.code
    assert isinstance(done, OrderIntent)
    return executed(book, done, market.quote)


def executed(book: Book, intent: OrderIntent, quote: Quote) -> str:
    """Send it; its volume is the position's or the resting order's."""
    expires = quote.time + timedelta(hours=1)
    levels = (intent.kind, intent.price, intent.stop, intent.take)
    book.submit(Ticket("1", intent.symbol, intent.side, intent.lots, *levels, expires_at=expires))
    opened = [fill.lots for fill in book.executed if fill.opens]
    resting = [order.lots for order in book.resting()]
    assert opened + resting == [intent.lots]
    assert intent.numbers["lots"] == f"{intent.lots:f}"
    return "executed"


@pytest.mark.parametrize("start", range(0, CASES, CHUNK))
def test_the_preview_is_what_is_executed(start: int) -> None:
    ends = Counter(case(seed) for seed in range(start, start + CHUNK))
    assert ends["executed"] > CHUNK // 8
    assert ends["VOLUME_BELOW_MIN"] > 0
