"""The conventions that a linter cannot hold."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

from tests.conftest import ROOT

PACKAGES = ("tradebot", "trading", "notifications", "bench", "tests")
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
TEXT = {".py", ".md", ".toml", ".in", ".html", ".css", ".js", ".txt", ".example", ".json", ""}
WALL_CLOCK = {"time", "time_ns", "localtime", "gmtime", "now", "Now", "utcnow", "today"}
"""What `time`, `datetime` and Django call a clock that people and NTP can set."""
FOREIGN = ("django", "channels", "django_q", "redis", "httpx", "metaapi_cloud_sdk", "environ")


def sources() -> list[Path]:
    """Our Python files without the generated ones."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)


def texts() -> Iterator[Path]:
    """Our text files, without what others wrote."""
    for top in ROOT.iterdir():
        if top.is_file():
            yield top
        elif top.name in (*PACKAGES, "templates", "docs", ".ci"):
            yield from (p for p in top.rglob("*") if p.is_file() and "vendor" not in p.parts)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(path: Path) -> set[str]:
    """The top-level packages a file imports, wherever it does so."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_files_are_short() -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in sources()}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_functions_are_short() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{function.name}": function.end_lineno - function.lineno + 1
        for path in sources()
        for function in functions(path)
        if function.end_lineno is not None
    }
    assert {name: n for name, n in found.items() if n > LONGEST_FUNCTION} == {}


def test_modules_say_what_they_are_for() -> None:
    silent = [p for p in sources() if p.read_text() and not ast.get_docstring(_tree(p))]
    assert [str(path.relative_to(ROOT)) for path in silent] == []


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_no_text_names_a_directory_of_some_machine() -> None:
    machine = re.compile(r"(?<![\w.:/-])/(?:work|tmp|root|home|Users)/\w")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in texts()
        if path.suffix in TEXT and not path.name.startswith("requirements")
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if machine.search(line)
    ]
    assert found == []


def test_the_engine_imports_without_django() -> None:
    code = f"""
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FOREIGN!r}:
            raise ImportError(f"the engine must not import {{name}}")

sys.meta_path.insert(0, Blocker())
engine = importlib.import_module("trading.engine")
for module in pkgutil.walk_packages(engine.__path__, "trading.engine."):
    importlib.import_module(module.name)
    print(module.name)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "trading.engine.types" in done.stdout.split()


def test_the_metaapi_sdk_has_one_place() -> None:
    users = {str(p.relative_to(ROOT)) for p in sources() if "metaapi_cloud_sdk" in imported(p)}
    tests = {user for user in users if user.startswith("tests/metaapi_emulator/")}
    assert users - tests <= {"trading/brokers/metaapi/stream.py"}


def test_the_queue_is_used_by_services_and_wiring_only() -> None:
    places = {"trading/services", "trading/admin", "tradebot/management/commands"}
    users = {
        str(path.parent.relative_to(ROOT))
        for path in sources()
        if "django_q" in imported(path) and path.parts[len(ROOT.parts)] not in ("tests", "bench")
    }
    assert users <= places


def wall_clock_reads(path: Path) -> list[str]:
    """Every mention of a wall clock: the keyword that is given its reading, or its line."""
    nodes = list(ast.walk(_tree(path)))
    given = [n for n in nodes if isinstance(n, ast.keyword)]
    keywords = {id(n.value.func): n.arg for n in given if isinstance(n.value, ast.Call)}
    return sorted(keywords.get(id(n)) or f"line {n.lineno}" for n in nodes if _is_wall_clock(n))


def _is_wall_clock(node: ast.AST) -> TypeGuard[ast.Attribute | ast.ImportFrom]:
    if isinstance(node, ast.ImportFrom):
        return bool(WALL_CLOCK & {alias.name for alias in node.names})
    return isinstance(node, ast.Attribute) and node.attr in WALL_CLOCK


def test_no_wall_clock_decides_who_owns_an_account() -> None:
    reads = {
        name: wall_clock_reads(ROOT / f"trading/{name}.py")
        for name in ("selectors/clock", "selectors/leases", "services/locks", "services/leases")
    }
    assert {name: found for name, found in reads.items() if found} == {
        "services/leases": ["acquired_at"]
    }


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "from time import time",
        "from datetime import datetime\nrow.acquired_at = datetime.now()",
        "from django.utils.timezone import now",
        "Lease.objects.update(expires=timezone.now())",
    ],
)
def test_the_search_for_wall_clocks_finds_them(tmp_path: Path, source: str) -> None:
    (tmp_path / "module.py").write_text(source)
    assert wall_clock_reads(tmp_path / "module.py") not in ([], ["acquired_at"])


def test_every_variable_of_the_settings_is_explained_and_no_other() -> None:
    settings = (ROOT / "tradebot/settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings))
    explained = re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(read) == sorted(explained)


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in sources()
        if re.search(r"os\.(environ|getenv)", path.read_text())
        and path.relative_to(ROOT).parts[0] not in ("tests", "bench", "tradebot")
    }
    assert readers == set()


@pytest.mark.parametrize("process", ["web", "worker", "gateway", "notifier"])
def test_the_procfile_and_up_run_the_same_processes(process: str) -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    command = next(line for line in lines if line.startswith(f"{process}:"))
    known = (ROOT / "tradebot/management/commands/up.py").read_text()
    assert f'Program("{process}"' in known
    program = "daphne" if process == "web" else command.split()[-1]
    assert f'"{program}"' in known
