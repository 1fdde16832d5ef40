"""What every benchmark shares: a warm-up, some runs, the median, one line of JSON.

`python -m bench.<name>` prints one JSON object on its last line: `name`, `seconds` (median of the
runs), `runs`, `peak_rss_mb` of this process, and the benchmark's own figures.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

Figures = Mapping[str, object]


def run(name: str, work: Callable[[], Figures], *, runs: int = 5) -> dict[str, object]:
    """Call `work` once to warm up and then `runs` times; print and return the result.

    `work` returns its own figures; those of the last run are printed.
    """
    work()
    seconds = []
    figures: Figures = {}
    for _ in range(runs):
        start = time.perf_counter()
        figures = work()
        seconds.append(time.perf_counter() - start)
    return report(name, median(seconds), {"runs": runs, **figures})


def report(name: str, seconds: float, figures: Figures) -> dict[str, object]:
    """Print a result measured by other means than `run`, in the same form."""
    result: dict[str, object] = {
        "name": name,
        "seconds": round(seconds, 6),
        "peak_rss_mb": peak_rss_mb(),
        **figures,
    }
    print(json.dumps(result), flush=True)
    return result


def peak_rss_mb() -> float:
    """Most memory this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


@contextmanager
def embedded_django() -> Iterator[Path]:
    """Django on a fresh SQLite database in a temporary directory, which is removed afterwards.

    Import models only inside; environment and .env of the user have no effect.
    """
    with tempfile.TemporaryDirectory(prefix="tradebot-bench-") as folder:
        for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_KEYS"):
            os.environ.pop(name, None)
        os.environ["TRADEBOT_VAR"] = folder
        os.environ["ENV_FILE"] = os.devnull
        os.environ["DJANGO_SETTINGS_MODULE"] = "tradebot.settings"
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", verbosity=0)
        try:
            yield Path(folder)
        finally:
            connections.close_all()
