"""The folder of compiled functions follows all the sources they are made of."""

import subprocess
import sys
from pathlib import Path

from trading.engine.kernels import sources_digest

KERNEL = "from trading.engine.kernels import kernel\nX = 1\n"


def package(folder: Path, **sources: str) -> Path:
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    return folder


def test_a_change_of_a_kernel_changes_the_digest(tmp_path: Path) -> None:
    before = sources_digest(package(tmp_path, a=KERNEL, b="X = 1\n"))
    assert sources_digest(package(tmp_path, a=KERNEL + "Y = 2\n")) != before


def test_sources_without_kernels_do_not_count(tmp_path: Path) -> None:
    before = sources_digest(package(tmp_path, a=KERNEL, b="X = 1\n"))
    assert sources_digest(package(tmp_path, b="X = 2\n")) == before


def test_compiled_functions_are_kept_in_the_chosen_folder(tmp_path: Path) -> None:
    code = "from trading.engine import fills; fills.reaches(1, 2, 3)"
    chosen = {"NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=chosen, check=True)
    assert list(tmp_path.rglob("fills.reaches*.nbi"))
