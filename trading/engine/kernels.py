"""Compiled functions, kept on disk: a process compiles only what no other has before it.

numba asks only whether the file a function stands in has changed, not the functions, constants and
records it takes from other files: after a change of a fill rule the simulator would go on with the
old one. So the folder of compiled functions is named after all sources that go into them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba

MARKS: Final = (b"engine.kernels", b"NamedTuple")
"""A source with one of these holds kernels or what is handed to them."""

F = TypeVar("F", bound=Callable[..., object])


OPTIONS: Final[dict[str, Any]] = {"cache": True, "nogil": True, "error_model": "numpy"}
"""Kept on disk; other Python threads run meanwhile; x / 0 is infinite or NaN, not an error."""


def kernel(function: F) -> F:
    """Compile a function."""
    return cast(F, numba.njit(**OPTIONS)(function))


def inlined(function: F) -> F:
    """Compile a function into those that call it, where a call would cost too much."""
    return cast(F, numba.njit(inline="always", **OPTIONS)(function))


def sources_digest(package: Path) -> str:
    """A short name of the contents of all sources that kernels are made of."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        source = path.read_bytes()
        if any(mark in source for mark in MARKS):
            digest.update(path.name.encode() + b"\0" + source + b"\0")
    return digest.hexdigest()[:16]


_PACKAGE = Path(__file__).parent
if not numba.config.CACHE_DIR:  # type: ignore[attr-defined]  # else the user has chosen one
    _FOLDER = _PACKAGE / "__pycache__" / f"kernels-{sources_digest(_PACKAGE)}"
    numba.config.CACHE_DIR = str(_FOLDER)  # type: ignore[attr-defined]
