"""Writing rows that somebody else may have written in the same moment."""

from __future__ import annotations

from typing import TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Model

M = TypeVar("M", bound=Model)


def row_once(row: M, **key: object) -> tuple[M, bool]:
    """Write a new row, or find the one of this unique key; the row, and whether it is new.

    For rows that are hardly ever there: cheaper than to look first. Raises IntegrityError when
    another constraint forbids it.
    """
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        there = type(row)._default_manager.filter(**key).first()
        if there is None:
            raise
        return there, False
    return row, True
