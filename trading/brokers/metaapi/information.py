"""What kind of account it is, from its account information."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from trading.brokers.metaapi.payload import Fields, PayloadError

_CURRENCY: Final = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """None where the broker does not say."""

    currency: str
    leverage: int | None
    """30 means 1:30."""
    is_demo: bool | None
    """False for a contest too: whatever is not said to be a demo is real."""
    is_netting: bool | None


def facts_of(payload: Any) -> AccountFacts:
    """The facts in a payload of account information; raises PayloadError."""
    fields = Fields("account information", payload)
    currency = fields.text("currency").upper()
    if not _CURRENCY.fullmatch(currency):
        raise PayloadError(f"account information: expected three letters, was {currency!r:.40}")
    trade_mode = fields.text("type", "") or fields.text("tradeMode", "")
    return AccountFacts(
        currency=currency,
        leverage=max(fields.integer("leverage", 0), 0) or None,
        is_demo=trade_mode == "ACCOUNT_TRADE_MODE_DEMO" if trade_mode else None,
        is_netting=_is_netting(fields),
    )


def _is_netting(fields: Fields) -> bool | None:
    """MetaTrader 4 knows nothing but hedging and names no mode."""
    mode = fields.text("marginMode", "")
    if mode:
        return not mode.endswith("_HEDGING")
    return False if fields.text("platform", "") == "mt4" else None
