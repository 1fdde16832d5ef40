"""What accounts hold and have on their way, in money by the quotes of now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.db.models import Q

from trading.engine import money
from trading.engine.risk import Exposure, Holding, Stake, exposure_of, holding_of, loss_to_stop_out
from trading.engine.symbols import quotes_by_pair
from trading.engine.types import EngineError, Quote
from trading.models import Account, Order, Position, Symbol
from trading.selectors.pending import PendingOrder, reserving
from trading.selectors.quotes import quotes_fresh

ZERO = Decimal(0)
STOP_OUT = ZERO
"""Margin level of a stop-out where the broker does not tell it: nothing is left."""


@dataclass(slots=True)
class Prices:
    """Fresh quotes by source, read once for what was asked for; also under canonical names."""

    _quotes: dict[str, dict[str, Quote]] = field(default_factory=dict)

    def read(self, source: str, symbols: Iterable[Symbol], currencies: Iterable[str]) -> None:
        """Have the quotes of some symbols, and of what turns the currencies into each other."""
        names = {symbol.name: symbol.canonical for symbol in symbols} | dict(
            _converting(source, {money.whole_currency(c) for c in currencies})
        )
        fresh = quotes_fresh(source=source, names=names) if names else {}
        known = self._quotes.setdefault(source, {})
        known |= quotes_by_pair(fresh, names)

    def know(self, source: str, quote: Quote) -> None:
        """A quote that was read already."""
        self._quotes.setdefault(source, {})[quote.symbol] = quote

    def of(self, source: str) -> Mapping[str, Quote]:
        return self._quotes.get(source, {})


def _converting(source: str, currencies: set[str]) -> Iterable[tuple[str, str]]:
    """The symbols that convert between two of the currencies, or one of them and USD."""
    if len(currencies) < 2:
        return []
    known = {*currencies, "USD"}
    pairs = sorted(one + other for one in known for other in known if one != other)
    rows = Symbol.objects.filter(Q(name__in=pairs) | Q(canonical__in=pairs), source=source)
    return rows.values_list("name", "canonical")


def counted(*, account: Account, pending: Iterable[PendingOrder]) -> list[Holding]:
    """Positions and orders that reserve, by number and lots alone: no value, no risk."""
    rows = Position.objects.filter(account=account, closed_at__isnull=True)
    columns = ("symbol__name", "symbol__canonical", "side", "lots", "deployment_id")
    held = [(True, *row) for row in rows.values_list(*columns)]
    held += [
        (False, p.symbol, p.canonical, p.side, p.lots, p.deployment_id)
        for p in pending
        if p.is_reserving
    ]
    return [
        Holding(canonical or name, side, lots, ZERO, "", "", ZERO, is_open, key_of(deployment))
        for is_open, name, canonical, side, lots, deployment in held
    ]


def pending_value(*, account: Account, pending: Sequence[PendingOrder], prices: Prices) -> Decimal:
    """Value of the orders that reserve; EngineError where it cannot be told."""
    ids = [p.id for p in pending if p.is_reserving]
    if not ids:
        return ZERO
    orders = list(Order.objects.filter(pk__in=ids).select_related("symbol"))
    _read(prices, account, [order.symbol for order in orders])
    return sum((_reserved(order, account, prices).value for order in orders), ZERO)


@dataclass(frozen=True, slots=True)
class Held:
    """What accounts hold and have on their way, in their currencies; None where something cannot
    be valued."""

    holdings: Mapping[int, list[Holding] | None]
    """By account."""
    symbols: Sequence[Symbol]

    def exposure(self, account: Account) -> Exposure | None:
        """The sums of an account; what has no stop loses down to the stop-out."""
        holdings = self.holdings[account.pk]
        if holdings is None:
            return None
        return exposure_of(holdings, loss_to_stop_out(account.equity, account.margin, STOP_OUT))


def held_by(*, accounts: Sequence[Account], prices: Prices, besides: Order) -> Held:
    """Read it, an order left out, in two statements."""
    rows = Position.objects.filter(account__in=accounts, closed_at__isnull=True)
    found: defaultdict[int, list[Position | Order]] = defaultdict(list)
    for position in rows.select_related("symbol"):
        found[position.account_id].append(position)
    for order in reserving().filter(account__in=accounts).exclude(pk=besides.pk):
        found[order.account_id].append(order)
    for account in accounts:
        _read(prices, account, [row.symbol for row in found[account.pk]])
    holdings = {account.pk: _valued(account, found[account.pk], prices) for account in accounts}
    return Held(holdings, [row.symbol for rows in found.values() for row in rows])


def holding_at(*, symbol: Symbol, currency: str, stake: Stake, prices: Prices) -> Holding:
    """One holding in account currency, under the canonical name of its symbol; EngineError where
    no fresh quote converts it."""
    instrument = symbol.instrument()
    conversion = money.conversion_for(instrument, currency, prices.of(symbol.source))
    return replace(
        holding_of(instrument, conversion, stake), symbol=symbol.canonical or symbol.name
    )


def converted(currency: str, symbols: Iterable[Symbol]) -> set[str]:
    """What must be converted between to value symbols in a currency; nothing where one side of
    each pair is of it."""
    whole = money.whole_currency(currency)
    profits = {s.profit_currency for s in symbols if s.base_currency != whole} - {whole}
    return {*profits, whole} if profits else set()


def key_of(deployment_id: int | None) -> str:
    return "" if deployment_id is None else str(deployment_id)


def _read(prices: Prices, account: Account, symbols: Sequence[Symbol]) -> None:
    prices.read(account.source, symbols, converted(account.currency, symbols))


def _valued(account: Account, rows: list[Position | Order], prices: Prices) -> list[Holding] | None:
    try:
        return [
            _reserved(row, account, prices)
            if isinstance(row, Order)
            else _open(row, account, prices)
            for row in rows
        ]
    except (EngineError, ArithmeticError):
        return None


def _open(position: Position, account: Account, prices: Prices) -> Holding:
    """At the price of now, or of its entry while the market is not quoted."""
    symbol, side = position.symbol, position.side
    quote = prices.of(symbol.source).get(symbol.name)
    now = position.entry_price if quote is None else quote.bid if side > 0 else quote.ask
    stake = Stake(
        side, position.lots, now, position.stop, deployment=key_of(position.deployment_id)
    )
    return holding_at(symbol=symbol, currency=account.currency, stake=stake, prices=prices)


def _reserved(order: Order, account: Account, prices: Prices) -> Holding:
    """An order on its way or resting; its risk is what was reserved for it."""
    symbol, side = order.symbol, order.side
    price = order.price or order.expected_price
    if price is None:
        quote = prices.of(symbol.source).get(symbol.name)
        if quote is None:
            raise EngineError(f"{order}: expected a price, was none")
        price = quote.ask if side > 0 else quote.bid
    stake = Stake(side, order.lots, price, order.stop, False, key_of(order.deployment_id))
    holding = holding_at(symbol=symbol, currency=account.currency, stake=stake, prices=prices)
    if holding.risk is None:
        return holding
    return replace(holding, risk=max(holding.risk, order.risk_money))
