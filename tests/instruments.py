"""Instruments that several tests trade."""

from decimal import Decimal

from trading.engine.types import Instrument

EURUSD = Instrument(
    symbol="EURUSD",
    tick_size=Decimal("0.00001"),
    contract_size=Decimal(100_000),
    volume_min=Decimal("0.01"),
    volume_step=Decimal("0.01"),
    volume_max=Decimal(100),
    base_currency="EUR",
    profit_currency="USD",
)
