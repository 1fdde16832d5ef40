"""What a broker's name of a symbol means: EURUSD for EURUSDm, EURUSD.r and #EURUSD."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from trading.engine.history.specs import CURRENCIES, INDEX_CURRENCIES, METALS
from trading.engine.types import Quote

COINS: Final = frozenset(("ADA", "AVAX", "BCH", "BNB", "BTC", "DASH", "DOGE", "DOT", "EOS")) | (
    frozenset(
        ("ETC", "ETH", "LINK", "LTC", "NEO", "SHIB", "SOL", "TRX", "UNI", "XLM", "XMR", "XRP")
    )
)
ENERGIES: Final = frozenset(("XBR", "XNG", "XTI"))
BASES: Final = CURRENCIES | frozenset(METALS) | ENERGIES | COINS | {"XCU"}
QUOTES: Final = CURRENCIES | {"BTC", "USDT"}
INDICES: Final = frozenset(INDEX_CURRENCIES) | (
    frozenset(("CHINA", "CN", "NAS", "NETH", "NL", "NOR", "SPX", "US", "USTEC", "VIX", "WS"))
)
"""The letters before the number of an index."""
LEAST: Final = 3
"""A known name that is shorter is taken only as it stands: its letters say nothing."""

_PAIR = re.compile(rf"({'|'.join(sorted(BASES))})[/_-]?({'|'.join(sorted(QUOTES))})")
_INDEX = re.compile(r"([A-Z]{2,5})\d{2,4}")
_PREFIX = re.compile(r"[^A-Za-z0-9]{0,2}([a-z]{0,2}|[A-Za-z]{1,8}[.:_#-])")
_WORDS = "CASH|CENT|ECN|MICRO|MINI|PRO|RAW|SPOT|STD|STP|VIP|ZERO"
_SUFFIX = re.compile(rf"([a-z]{{1,6}}|(?i:{_WORDS}))?([^A-Za-z0-9][A-Za-z0-9.!#+_-]{{0,11}})?")


def canonical(name: str, known: Collection[str] = frozenset()) -> str:
    """The name without the broker's prefix and suffix, or `name` itself where that is not certain.

    A core is one of `known` (canonical names), a pair of known currencies, metals or coins, or an
    index. Decoration is what is set off by a sign, one of a few words, or lower case beside a core
    in upper case: MEURUSD and EURUSDC may be other markets, and stay what they are.
    """
    if name in known:
        return name
    spelt = {one.upper(): one for one in known if len(one) >= LEAST}
    found = {
        (start, end): core
        for start in range(len(name))
        if _is_prefix(name[:start])
        for end in range(start + LEAST, len(name) + 1)
        if _is_suffix(name[end:]) and _is_alone(name, start, end)
        if (core := _core(name[start:end], spelt))
    }
    cores = {
        core
        for (start, end), core in found.items()
        if not any(s <= start and end <= e and (s, e) != (start, end) for s, e in found)
    }
    return cores.pop() if len(cores) == 1 else name


def quotes_by_pair(quotes: Mapping[str, Quote], canonicals: Mapping[str, str]) -> dict[str, Quote]:
    """The quotes by name and by canonical name, which is how currencies are converted: the quote of
    EURUSDm stands under EURUSD as well, unless the broker has an EURUSD. No name (""), no entry.
    """
    known = {canonicals.get(name, ""): quote for name, quote in quotes.items()}
    known.pop("", None)
    return {**known, **quotes}


def _core(text: str, spelt: dict[str, str]) -> str | None:
    upper = text.upper()
    if upper in spelt:
        return spelt[upper]
    pair = _PAIR.fullmatch(upper)
    if pair and pair[1] != pair[2]:
        return pair[1] + pair[2]
    index = _INDEX.fullmatch(upper)
    return upper if index and index[1] in INDICES else None


def _is_prefix(text: str) -> bool:
    return _PREFIX.fullmatch(text) is not None


def _is_suffix(text: str) -> bool:
    return _SUFFIX.fullmatch(text) is not None


def _is_alone(name: str, start: int, end: int) -> bool:
    """Whether lower case beside the core can be told from it: not in a name all in lower case."""
    before, after = name[start - 1 : start], name[end : end + 1]
    glued = before.islower() or after.islower()
    return not glued or name[start:end].isupper()
