"""The words in which limits are written down."""

from __future__ import annotations

from enum import StrEnum


class _Ordered(StrEnum):
    """Members in ascending order; `rank` says where one stands."""

    @property
    def rank(self) -> int:
        return list(type(self)).index(self)


class Scope(_Ordered):
    """What a limit was set for, from the widest to the nearest."""

    GLOBAL = "GLOBAL"
    GROUP = "GROUP"
    """A group of accounts."""
    ACCOUNT = "ACCOUNT"
    CURRENCY = "CURRENCY"
    SYMBOL = "SYMBOL"
    DEPLOYMENT = "DEPLOYMENT"


class Subject(StrEnum):
    """Whose sum, count or loss is compared with the value."""

    ORDER = "ORDER"
    DEPLOYMENT = "DEPLOYMENT"
    SYMBOL = "SYMBOL"
    """The symbol within the account."""
    CURRENCY = "CURRENCY"
    """The currency within the account."""
    ACCOUNT = "ACCOUNT"
    GROUP = "GROUP"
    """All accounts of the group together, in the reporting currency."""
    GLOBAL = "GLOBAL"
    """All accounts together, in the reporting currency."""


class Unit(StrEnum):
    """What the number of a limit counts."""

    LOTS = "LOTS"
    TICKS = "TICKS"
    COUNT = "COUNT"
    SECONDS = "SECONDS"
    MINUTES = "MINUTES"
    MEDIANS = "MEDIANS"
    """Times the median of what was usual."""
    ATRS = "ATRS"
    """Times the average true range."""
    MONEY = "MONEY"
    """Currency of the subject: the account's, or the reporting currency."""
    PERCENT = "PERCENT"
    """Of what the control names."""
    PERCENT_EQUITY = "PERCENT_EQUITY"
    PERCENT_INITIAL = "PERCENT_INITIAL"
    """Of the initial balance."""
    PERCENT_REFERENCE = "PERCENT_REFERENCE"
    """Of the reference: the start of the period, or the peak of a drawdown."""
    FLAG = "FLAG"
    """No number: the control holds. The value is 1."""

    @property
    def words(self) -> str:
        """What follows the number: 3 % of equity."""
        return _WORDS.get(self, self.value.lower())


class Action(_Ordered):
    """What a breach leads to, from the mildest to the most severe. All but NOTIFY refuse entries.

    BLOCK refuses this order; REDUCE, PAUSE and FLATTEN stop more than this order: every entry, all
    that strategies want, and that with every position closed.
    """

    NOTIFY = "NOTIFY"
    BLOCK = "BLOCK"
    REDUCE = "REDUCE"
    PAUSE = "PAUSE"
    FLATTEN = "FLATTEN"


class Period(StrEnum):
    """How often the reference of a loss starts anew."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


class Reference(StrEnum):
    """From which snapshot at the reset a loss counts."""

    BALANCE = "BALANCE"
    EQUITY = "EQUITY"
    HIGHER = "HIGHER"
    """The higher of both."""


class Trailing(StrEnum):
    """From which peak a drawdown counts; each is at least the initial balance."""

    STATIC = "STATIC"
    """The initial balance."""
    END_OF_DAY = "END_OF_DAY"
    """The highest balance at a reset."""
    CLOSED_BALANCE = "CLOSED_BALANCE"
    """The highest balance."""
    INTRADAY = "INTRADAY"
    """The highest equity."""


class Wins(StrEnum):
    """Which of several limits of one control holds."""

    NEAREST = "NEAREST"
    STRICTEST = "STRICTEST"


class Judged(StrEnum):
    """When a control is asked: when an order passes the gate, at every reading, or both."""

    GATE = "GATE"
    READING = "READING"
    BOTH = "BOTH"


_WORDS = {
    Unit.COUNT: "",
    Unit.MEDIANS: "x median",
    Unit.ATRS: "x ATR",
    Unit.MONEY: "of money",
    Unit.PERCENT: "%",
    Unit.PERCENT_EQUITY: "% of equity",
    Unit.PERCENT_INITIAL: "% of the initial balance",
    Unit.PERCENT_REFERENCE: "% of the reference",
    Unit.FLAG: "",
}
