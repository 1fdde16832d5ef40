"""The limits of one order: all that apply are found, positions summed up, every limit judged.

`python -m bench.risk_gate [--limits 200] [--positions 500] [--symbols 30] [--orders 1000]`

No limit refuses, so that none is spared; limits that apply elsewhere are there as well. The time
is that of an order from the limits of all scopes and the positions as values to the answer,
without the reading of either. `seconds` is the median; `cpu_p99_ms` leaves out what other
processes took of the machine.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median

import numpy as np

from bench.harness import busy, report, spread_of
from trading.engine.risk import (
    SPECS,
    AccountFacts,
    Clock,
    Control,
    DrawdownState,
    Facts,
    HistoryFacts,
    Holding,
    Limit,
    LimitIndex,
    OrderFacts,
    Place,
    Reading,
    Scope,
    Subject,
    SubjectFacts,
    Unit,
    correlations_of,
    evaluate,
    exposure_of,
    limit_of,
)
from trading.engine.types import Instrument

D = Decimal
WARM_UP = 50
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
CURRENCIES = ("EUR", "USD", "JPY", "GBP", "CHF", "AUD", "NZD", "CAD")
PAIRS = [(base, quote) for base in CURRENCIES for quote in CURRENCIES if base != quote]
TARGETS = {
    Scope.GLOBAL: "",
    Scope.GROUP: "1",
    Scope.ACCOUNT: "1",
    Scope.CURRENCY: "EUR",
    Scope.SYMBOL: "EURUSD",
    Scope.DEPLOYMENT: "1",
}
EQUITY = D(1_000_000)
START = Reading(NOW, EQUITY, EQUITY)
PLACE = Place("1", "1", "EURUSD", groups=("1",), currencies=("EUR", "USD"))
LOOSE = {Unit.PERCENT_INITIAL: D(50), Unit.PERCENT_REFERENCE: D(50), Unit.FLAG: D(1)}
"""Values that refuse nothing; where a lower value is stricter any large one."""
AGES = tuple(D(1000 + n) for n in range(60))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limits", type=int, default=200)
    parser.add_argument("--positions", type=int, default=500)
    parser.add_argument("--symbols", type=int, default=30)
    parser.add_argument("--orders", type=int, default=1000)
    options = parser.parse_args()
    measure(options)


def measure(options: argparse.Namespace) -> None:
    """Judge one order after the other, as a gate does with rows it has read."""
    limits = applying(options.limits)
    bench = Bench(
        LimitIndex([*limits, *elsewhere(options.limits)]),
        holdings(options.positions, options.symbols),
        facts_of(options.symbols),
        {x.clock: DrawdownState.opened(EQUITY, START, x.clock) for x in limits},
    )
    judged = len(bench.index.at(PLACE))
    assert judged >= options.limits, f"only {judged} limits hold at once"
    gc.freeze()
    samples = [bench.judge_once() for _ in range(WARM_UP + options.orders)][WARM_UP:]
    gc.unfreeze()
    seconds, busy_seconds = zip(*samples, strict=True)
    figures = {
        "runs": options.orders,
        "load": busy(),
        "limits": judged,
        "positions": options.positions,
        "symbols": options.symbols,
        "cpu_p99_ms": spread_of(busy_seconds)["p99_ms"],
        **spread_of(seconds),
    }
    report("risk_gate", median(seconds), figures)


@dataclass(frozen=True, slots=True)
class Bench:
    """What the gate has at hand."""

    index: LimitIndex
    held: Sequence[Holding]
    facts: Facts
    states: Mapping[Clock, DrawdownState]

    def judge_once(self) -> tuple[float, float]:
        """Seconds from limits and positions to the answer, which is yes: by clock and processor."""
        start, cpu = time.perf_counter(), time.thread_time()
        whole = SubjectFacts(EQUITY, exposure_of(self.held, D(1000)), self.states)
        keys = ((Subject.ACCOUNT, ""), (Subject.DEPLOYMENT, ""), (Subject.GROUP, "1"))
        subjects = dict.fromkeys((*keys, (Subject.GLOBAL, "")), whole)
        found = evaluate(self.index.at(PLACE), replace(self.facts, subjects=subjects))
        seconds = time.perf_counter() - start, time.thread_time() - cpu
        assert not found, found[0].message
        return seconds


def applying(count: int) -> list[Limit]:
    """Limits that apply to the order and hold at once: no two say the same of the same subject."""
    kinds = [
        limit_of(control, value_of(control, unit), unit=unit, scope=scope, target=TARGETS[scope])
        for control, spec in SPECS.items()
        for unit in spec.units
        for scope in first_of_each_subject(control)
    ]
    losses = [limit for limit in kinds if limit.spec.periodic]
    found = list(kinds)
    hours = iter(range(1, 24 * 60))
    while len(found) < count:
        minute = next(hours)
        reset = NOW.time().replace(hour=minute // 60, minute=minute % 60)
        found += [replace(limit, reset=reset, zone="Europe/Prague") for limit in losses]
    return found[:count]


def first_of_each_subject(control: Control) -> list[Scope]:
    scopes = {subject: scope for scope, subject in reversed(list(control.spec.subjects.items()))}
    return list(scopes.values())


def value_of(control: Control, unit: Unit) -> Decimal:
    if unit in LOOSE:
        return LOOSE[unit]
    if not control.spec.lower_is_stricter:
        return D(1)
    return D(80) if control is Control.MARGIN_USE and unit is Unit.PERCENT_EQUITY else D(10**12)


def elsewhere(count: int) -> list[Limit]:
    """Limits of other accounts."""
    return [
        limit_of(Control.MAX_LOTS, 1, scope=Scope.ACCOUNT, target=str(number + 2))
        for number in range(count)
    ]


def holdings(count: int, symbols: int) -> list[Holding]:
    """Positions of many symbols on both sides, a tenth of them pending, some without a stop."""
    return [
        Holding(
            "".join(PAIRS[number % symbols]),
            1 if number % 3 else -1,
            D("0.10"),
            D(10_000 + number),
            *PAIRS[number % symbols],
            D("50.25") if number % 50 else None,
            is_open=number % 10 > 0,
            deployment=str(number % 20),
        )
        for number in range(count)
    ]


def facts_of(symbols: int) -> Facts:
    """Everything that the checks ask for, and a market in which the order may pass."""
    draw = np.random.default_rng(7)
    names = ["".join(pair) for pair in PAIRS[:symbols]]
    order = Holding("EURUSD", 1, D("0.10"), D(11_000), "EUR", "USD", D(50), False, "1")
    return Facts(
        at=NOW,
        account=AccountFacts(
            reading_age=D(1),
            margin=D(1000),
            reserved_margin=D(10),
            mismatches=0,
            uncounted_moves=0,
        ),
        order=OrderFacts(
            holding=order,
            instrument=EURUSD,
            price=D("1.10001"),
            mid=D("1.10000"),
            margin=D(100),
            stop_ticks=D(100),
            least_stop_ticks=D(10),
            atr_ticks=D(200),
            spread_ticks=D(3),
            usual_spread_ticks=D(3),
            quote_age=D("0.5"),
            usual_quote_gap=D("0.5"),
            signal_age=D(1),
            is_allowed=True,
            is_open=True,
            news_in=AGES,
            weekend_in=AGES,
        ),
        history=HistoryFacts(
            in_doubt=0,
            decision_orders=0,
            equal_orders=AGES,
            own_lots=(D("0.10"),) * 50,
            executions=AGES,
            slips=tuple((age, D(1)) for age in AGES),
            messages=dict.fromkeys((Subject.DEPLOYMENT, Subject.ACCOUNT, Subject.GLOBAL), AGES),
            losses_in_a_row=2,
            last_loss_age=D(100),
        ),
        correlations=correlations_of({name: draw.normal(0, 0.006, 250) for name in names}),
        problems=(),
    )


EURUSD = Instrument("EURUSD", D("0.00001"), D(100_000), D("0.01"), D("0.01"), D(100), "EUR", "USD")
if __name__ == "__main__":
    main()
