"""What the SDK hands out as the JSON it was made from, so that `mapping` reads both alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any


def plain(value: Any) -> Any:
    """A payload with its times as ISO texts and its floats as Decimals of their shortest digits.

    The SDK's own objects are left as they are.
    """
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
