"""The scenario of the kills: harm under a broker full of faults until there were enough."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from django.contrib.auth.models import User

from tradebot.drill.nemesis import Nemesis, breathe
from tradebot.drill.stand import Stand
from trading.models import Account, Deployment
from trading.selectors.kills import kills_pulled
from trading.services.strategies import deployment_resume
from trading.services.switches import kill_rearm

FLATTEN_EVERY = 25
TURN_EVERY = 40
"""Kills between two commands of each sort that shall die half way."""
EXECUTIONS_PER_KILL = 1.25
CATCH_UP_SECONDS = 4.0
"""Longest pause before a harm while there are fewer: who never trades can lose nothing."""


def kills(stand: Stand) -> dict[str, Any]:
    """Kill and pause until the plan is fulfilled."""
    rng = Random(stand.plan.seed)  # noqa: S311  a drill, repeatable
    nemesis = Nemesis(stand.crew, Path(os.environ["CRASH_POINTS"]), rng)
    stand.place.set_faulty(is_faulty=True)
    flattened = turned = 0
    while nemesis.kills < stand.plan.kills:
        breathe(rng, stand.plan.pace)
        _catch_up(stand, nemesis.kills)
        nemesis.step()
        if not nemesis.awaits_flatten:
            operate(rng)
        if nemesis.kills >= FLATTEN_EVERY * (flattened + 1):
            flattened += 1
            nemesis.flatten_and_die(_invested(stand, rng))
        if nemesis.kills >= TURN_EVERY * turned + FLATTEN_EVERY // 2:
            turned += 1
            nemesis.turn_and_die(rng.choice(list(Deployment.objects.all())))
    nemesis.rest()
    stand.place.set_faulty(is_faulty=False)
    return {
        "kills": nemesis.kills,
        "pauses": nemesis.pauses,
        "kills_by_point": dict(sorted(nemesis.by_point.items())),
        "unreached": nemesis.unreached,
        "drawn": dict(sorted(stand.place.drawn().items())),
    }


def _catch_up(stand: Stand, kills: int) -> None:
    """Let the platform trade where it has had little chance to: on a slow machine, that is."""
    ends = monotonic() + CATCH_UP_SECONDS
    while monotonic() < ends and stand.executions() < EXECUTIONS_PER_KILL * kills:
        stand.keep(0.5)


def _invested(stand: Stand, rng: Random) -> Account:
    """An account with something to flatten, if there is one."""
    invested = Account.objects.filter(positions__closed_at=None, positions__isnull=False)
    return rng.choice(list(invested.distinct()) or stand.accounts)


def operate(rng: Random) -> None:
    """What a person on duty does: let go of switches, resume what was paused after rejections."""
    if rng.random() > 0.2:
        return
    person, _ = User.objects.get_or_create(username="drill", is_superuser=True, is_staff=True)
    for switch in kills_pulled():
        kill_rearm(switch=switch, actor=person, reason="the drill goes on")
    for deployment in Deployment.objects.filter(state=Deployment.State.PAUSED):
        deployment_resume(deployment=deployment, actor=person)
