"""Answering one bar for one deployment: the strategy loop of the worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from math import inf
from time import monotonic

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now

from trading.brokers.base import Broker, Unavailable
from trading.engine import money
from trading.engine.decide import Decision, Plan, Scene, decide
from trading.engine.orders import OrderStatus
from trading.engine.risk import LimitSet
from trading.engine.strategies import build
from trading.engine.symbols import quotes_by_pair
from trading.engine.types import (
    TIMEFRAMES,
    Bars,
    Denied,
    EngineError,
    Market,
    OrderIntent,
    Quote,
)
from trading.models import Deployment, Order, Severity, StrategyRun, Symbol
from trading.models.strategies import RunState
from trading.selectors.bars import bars_tail
from trading.selectors.losses import size_scale
from trading.selectors.quotes import quotes_fresh
from trading.selectors.risk import LimitBook, limit_book, limit_set_of
from trading.selectors.signals import order_sent, refusal_of
from trading.selectors.sizing import caps_of, facts_of
from trading.selectors.trails import trails_of
from trading.services.brokers import broker_for, costs_of
from trading.services.events import Happening, event_append
from trading.services.orders import close_create, entry_create
from trading.services.positions import position_find
from trading.services.sending import order_send
from trading.services.strategies import CLAIM_SECONDS, runs_enqueue
from trading.services.trails import stop_move

TOGETHER_SECONDS = 1.0
"""For so long runs are answered with what was read for the first of them."""
log = structlog.get_logger(__name__)


class NotAnswerable(Exception):
    """The run cannot be decided; `code` is stable, the message says what is missing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Reading:
    """What runs that are answered one right after the other need not read again."""

    _bars: dict[tuple[int, str, int], Bars] = field(default_factory=dict)
    _symbols: dict[str, list[Symbol]] = field(default_factory=dict)
    _quotes: dict[str, tuple[float, dict[str, Quote]]] = field(default_factory=dict)
    _limits: LimitBook | None = None

    def bars(self, deployment: Deployment, count: int) -> Bars:
        """The newest closed bars of the deployment's series."""
        key = (deployment.symbol_id, deployment.timeframe, count)
        if key not in self._bars:
            self._bars[key] = bars_tail(
                symbol=deployment.symbol, timeframe=deployment.timeframe, count=count
            )
        return self._bars[key]

    def quotes(self, source: str, within: float = 0.0) -> dict[str, Quote]:
        """The fresh quotes of every symbol of a source, read at most `within` seconds ago; also
        under the symbols' canonical names."""
        at, quotes = self._quotes.get(source, (-inf, {}))
        if monotonic() - at > within:
            names = {symbol.name: symbol.canonical for symbol in self.symbols(source)}
            at = monotonic()
            quotes = quotes_by_pair(quotes_fresh(source=source, names=names), names)
            self._quotes[source] = at, quotes
        return quotes

    def symbols(self, source: str) -> list[Symbol]:
        """Every symbol of a source."""
        if source not in self._symbols:
            self._symbols[source] = list(Symbol.objects.filter(source=source).order_by())
        return self._symbols[source]

    def limits(self, deployment: Deployment) -> LimitSet:
        """What the decision may plan with; the gate reads the limits afresh."""
        if self._limits is None:
            self._limits = limit_book()
        return limit_set_of(deployment=deployment, book=self._limits)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a deployment decides by, all read just now."""

    plan: Plan
    bars: Bars
    scene: Scene
    broker: Broker


def run_execute(*, run_id: int) -> None:
    """As `runs_execute`, for one run."""
    runs_execute(run_ids=[run_id])


def runs_execute(*, run_ids: Sequence[int]) -> None:
    """Claim each run, decide, act and write the answer; harmless to call twice or too late.

    One run's failure keeps no other from its answer; the first is raised at the end. What has not
    been begun after TOGETHER_SECONDS is handed to the queue again: a slow broker keeps nobody
    waiting, and nothing that was read is older when it is used.
    """
    ends, reading, errors = monotonic() + TOGETHER_SECONDS, Reading(), list[Exception]()
    waiting = _waiting(run_ids)
    while waiting and monotonic() < ends:
        try:
            _execute(waiting.pop(0), reading)
        except Exception as e:  # noqa: BLE001  raised below
            errors.append(e)
    if waiting:
        runs_enqueue(run_ids=[run.pk for run in waiting])
    if errors:
        raise errors[0]


def _execute(run: StrategyRun, reading: Reading) -> None:
    if not _claim(run):
        return
    try:
        _answer(run, reading)
    except NotAnswerable as e:
        _finish(run, RunState.DONE, "DENIED", code=e.code, message=str(e))
    except Unavailable as e:
        _refuse(run, Denied("BROKER_UNAVAILABLE", str(e)))
    except EngineError as e:
        _refuse(run, Denied("BAD_INPUT", str(e)))
    except Exception as e:
        _finish(run, RunState.FAILED, "FAILED", code=type(e).__name__, message=str(e))
        raise


def plan_of(deployment: Deployment, limits: LimitSet | None = None) -> Plan:
    """The engine's value of a deployment; EngineError when strategy or parameters are bad.

    `limits` are its effective ones, where they have been read already.
    """
    return Plan(
        strategy=build(deployment.strategy.kind, deployment.strategy.params),
        symbol=deployment.symbol.name,
        sizing=deployment.sizing(),
        limits=(limits or limit_set_of(deployment=deployment)).for_decision(),
        magic=deployment.pk,
    )


def _free() -> Q:
    return Q(state=RunState.QUEUED) | Q(state=RunState.CLAIMED, deadline__lt=now())


def _waiting(run_ids: Sequence[int]) -> list[StrategyRun]:
    """Those of the runs that nobody has claimed, in the order of the ids."""
    related = ("deployment__account", "deployment__strategy", "deployment__symbol")
    runs = StrategyRun.objects.select_related(*related).filter(_free(), pk__in=run_ids)
    found = {run.pk: run for run in runs}
    return [found[pk] for pk in run_ids if pk in found]


def _claim(run: StrategyRun) -> bool:
    """Whether the run is ours: by conditional UPDATE, so that only one worker gets it."""
    return bool(
        StrategyRun.objects.filter(_free(), pk=run.pk).update(
            state=RunState.CLAIMED,
            attempts=F("attempts") + 1,
            deadline=now() + timedelta(seconds=CLAIM_SECONDS),
        )
    )


def _answer(run: StrategyRun, reading: Reading) -> None:
    sent = order_sent(run=run) if run.attempts else None
    if sent is not None:  # by a process that died before it could say so
        run.numbers = {"signal": {"side": str(sent.side)}, **run.numbers}
        _finish_entry(run, sent)
        return
    if run.expires_at < now():
        _finish(run, RunState.EXPIRED, "EXPIRED", code="SIGNAL_TOO_OLD", message="Asked too late")
        return
    deployment = run.deployment
    seen = situation_of(deployment, reading, newest=int(run.bar_open.timestamp()))
    plan, scene, state = seen.plan, seen.scene, seen.scene.account
    held = [p.id for p in state.positions if p.magic == plan.magic]
    trails = trails_of(run=run, broker_ids=held) if held else {}
    decision = decide(plan, seen.bars, scene.market, state, trails, scene.facts)
    run.numbers = {"signal": dict(decision.signal), "equity": f"{state.equity:f}"}
    expires_at = _bar_end(scene.market.quote.time, deployment.timeframe)
    _act(run, decision, seen.broker, expires_at=expires_at)


def situation_of(
    deployment: Deployment, reading: Reading, *, newest: int | None = None
) -> Situation:
    """Read all that a deployment decides by; `newest` is when its newest bar must have opened.

    Raises NotAnswerable, Unavailable and EngineError.
    """
    limits = reading.limits(deployment)
    plan = plan_of(deployment, limits)
    bars = reading.bars(deployment, plan.window)
    if newest is not None:
        _check_newest(bars, newest)
    account, symbol = deployment.account, deployment.symbol
    broker = broker_for(
        account=account,
        quotes=partial(reading.quotes, account.source),
        symbols=reading.symbols(account.source),
    )
    state = broker.account()
    market = _market(deployment, reading.quotes(symbol.source, within=0.02))
    rule = plan.sizing
    facts = facts_of(deployment=deployment, rule=rule, bars=bars, market=market, state=state)
    at, equity = market.quote.time, state.equity
    scale = size_scale(limits=limits, account=account, equity=equity, at=at)
    facts = facts if scale == 1 else replace(facts, limit_scale=scale)
    caps = caps_of(deployment=deployment, rule=rule, limits=limits, equity=equity)
    return Situation(replace(plan, caps=caps), bars, Scene(market, state, facts), broker)


def _check_newest(bars: Bars, expected: int) -> None:
    """A newer bar means that the run came too late."""
    newest = int(bars.time[-1]) if len(bars) else None
    if newest != expected:
        raise NotAnswerable(
            "BAR_NOT_NEWEST", f"Expected the newest bar to open at {expected}, was {newest}"
        )


def _market(deployment: Deployment, quotes: Mapping[str, Quote]) -> Market:
    symbol = deployment.symbol
    if symbol.name not in quotes:
        raise NotAnswerable("QUOTE_STALE", f"Expected a fresh quote of {symbol.name}, was none")
    instrument = symbol.instrument()
    currency = deployment.account.currency
    return Market(
        instrument=instrument,
        quote=quotes[symbol.name],
        conversion=money.conversion_for(instrument, currency, quotes),
        costs=costs_of(symbol),
    )


def _bar_end(at: datetime, timeframe: str) -> datetime:
    """When the bar that `at` lies in is over: a resting order lives that long."""
    seconds = TIMEFRAMES[timeframe]
    return datetime.fromtimestamp((int(at.timestamp()) // seconds + 1) * seconds, UTC)


def _act(run: StrategyRun, decision: Decision, broker: Broker, *, expires_at: datetime) -> None:
    """Closes first, then the entry or its refusal; then the answer is written."""
    for seen in decision.closes:
        position = position_find(account=run.deployment.account, seen=seen)
        order_send(order=close_create(run=run, position=position), broker=broker)
    _follow(run, decision, broker)
    entry = decision.entry
    if isinstance(entry, OrderIntent):
        order = entry_create(run=run, intent=entry, expires_at=expires_at)
        order_send(order=order, broker=broker)
        run.numbers["sizing"] = dict(entry.numbers)
        _finish_entry(run, order)
    elif isinstance(entry, Denied):
        run.numbers["refusal"] = dict(entry.numbers)
        _refuse(run, entry)
    else:
        outcome = "EXIT" if decision.closes else "HOLD"
        _finish(run, RunState.DONE, outcome, code="", message=entry.reason)


def _finish_entry(run: StrategyRun, order: Order) -> None:
    """An order that the gate let pass is the answer, whatever becomes of it; one that it refused
    is a denial, with everything that was wrong."""
    if order.sent_at is not None:
        message = f"{order}: {OrderStatus(order.status).lower()}"
        _finish(run, RunState.DONE, "ENTRY", code=order.code, message=message)
        return
    evidence = refusal_of(order=order)
    run.numbers["refusal"] = evidence.get("numbers", {})
    run.numbers["findings"] = evidence.get("findings", [])
    _finish(run, RunState.DONE, "DENIED", code=order.code, message=order.message)


def _follow(run: StrategyRun, decision: Decision, broker: Broker) -> None:
    """Move the stops that follow; those that are overtaken have been closed."""
    if decision.trails:
        run.numbers["stops"] = {t.position.id: _text(t.stop) for t in decision.trails}
    for trail in decision.trails:
        if not trail.is_overtaken:
            position = position_find(account=run.deployment.account, seen=trail.position)
            stop_move(position=position, trail=trail, broker=broker)


def _text(price: Decimal) -> str:
    return f"{price.normalize():f}"


def _refuse(run: StrategyRun, denied: Denied) -> None:
    deployment = run.deployment
    with transaction.atomic():
        _finish(run, RunState.DONE, "DENIED", code=denied.code, message=denied.message)
        event_append(
            happening=Happening(
                kind="order.denied",
                message=f"{deployment}: {denied.message}",
                severity=Severity.WARNING,
                account=deployment.account,
                deployment=deployment,
                payload={"run": run.pk, "code": denied.code, **denied.numbers},
            )
        )


def _finish(run: StrategyRun, state: RunState, outcome: str, *, code: str, message: str) -> None:
    run.state, run.outcome = state, outcome
    run.code, run.message = code[:40], message[:300]
    run.finished_at = now()
    run.save(update_fields=["state", "outcome", "code", "message", "numbers", "finished_at"])
