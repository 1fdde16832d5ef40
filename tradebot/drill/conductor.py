"""One drill from its beginning to its result; runs with the settings of the scratch database.

`python -m tradebot.drill.conductor '{"scenario": "kills", "kills": 50}'` prints one JSON object on
its last line.
"""

from __future__ import annotations

import json
import sys
from time import monotonic
from typing import Any

from tradebot.drill.plan import Plan


def main() -> None:
    """Set up Django on the scratch database, hold the drill, print the result."""
    import django
    from django.core.management import call_command

    plan = Plan.from_json(sys.argv[1])
    django.setup()
    call_command("migrate", verbosity=0)
    result = hold(plan)
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def hold(plan: Plan) -> dict[str, Any]:
    """Let the scenario happen, settle, judge."""
    from tradebot.drill.harm import kills
    from tradebot.drill.outages import cache, database, disk
    from tradebot.drill.reports import report
    from tradebot.drill.stand import stand_up
    from tradebot.drill.switching import switch

    scenarios = {
        "kills": kills,
        "database": database,
        "cache": cache,
        "disk": disk,
        "switch": switch,
    }
    began = monotonic()
    with stand_up(plan) as stand:
        stand.wait_for_fills()
        figures = scenarios[plan.scenario](stand)
        verdict = stand.settle()
        return report(plan, verdict, figures, seconds=monotonic() - began)


if __name__ == "__main__":
    main()
