"""What a drill shall do, as the command line says it and as the conductor gets it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

SCENARIOS: Final = ("kills", "database", "cache", "disk", "switch")
VENUE: Final = "venue"
METAAPI: Final = "metaapi"
BROKERS: Final = (VENUE, METAAPI)


@dataclass(frozen=True, slots=True)
class Plan:
    """One drill; the defaults are for two cores: 250 kills take some five minutes."""

    scenario: str = "kills"
    broker: str = VENUE
    """Through which adapter it trades."""
    seed: int = 0
    kills: int = 50
    gateways: int = 3
    workers: int = 2
    accounts: int = 5
    pace: float = 1.2
    """Mean seconds between two harms."""
    speed: float = 20.0
    """Of the market's clock: at 60 a bar of a minute closes every second."""
    rounds: int = 5
    """Repetitions of what is done several times in one drill."""
    cluster: str = ""
    """Directory of the private PostgreSQL server, where the scenario stops one."""

    def to_json(self) -> str:
        """Every field by its name, as one argument of a process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """What `to_json` wrote; TypeError when it is not that."""
        return cls(**json.loads(text))


def plan_for(broker: str, **given: Any) -> Plan:
    """A plan with a broker's usual values for whatever is not given.

    A gateway with the SDK takes seconds of a core before it trades, and a streaming connection for
    each account: fewer of them, killed less often, or the drill would drill starting.
    """
    if broker != METAAPI:
        return Plan(broker=broker, **given)
    return Plan(**{"broker": broker, "gateways": 2, "accounts": 3, "pace": 2.0, **given})
