"""Changing the key that encrypts secrets in the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models import F, TextField, Value
from django.db.models.functions import Cast

from trading.models.fields import EncryptedTextField

BATCH: Final = 500


class KeyMissing(Exception):
    """A value that no key opens; the message names its row."""


@dataclass(slots=True)
class RotationReport:
    """By "app.Model.field": values encrypted anew, and values that the first key opens already."""

    changed: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)


@transaction.atomic
def keys_rotate() -> RotationReport:
    """Encrypt every secret of every model with the first of FIELD_KEYS.

    All or nothing: KeyMissing, and nothing has changed, when a value opens with none of the keys.
    Again, it changes nothing.
    """
    report = RotationReport()
    for model, column in _columns():
        label = f"{model._meta.label}.{column}"
        report.changed[label] = report.kept[label] = 0
        for pk, sealed in _sealed(model, column):
            fresh = _fresh(sealed, f"{label} of row {pk}")
            if fresh is None:
                report.kept[label] += 1
                continue
            # a plain value would be encrypted a second time on its way into the field
            value = Value(fresh, output_field=TextField())
            model._default_manager.filter(pk=pk).update(**{column: value})
            report.changed[label] += 1
    return report


def _columns() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        if not model._meta.proxy:
            fields = model._meta.local_concrete_fields
            yield from ((model, f.attname) for f in fields if isinstance(f, EncryptedTextField))


def _sealed(model: type[models.Model], column: str) -> Iterator[tuple[object, str]]:
    """Key and encrypted value of every row that has one, locked until the end of the rotation."""
    rows = model._default_manager.select_for_update().annotate(sealed=Cast(F(column), TextField()))
    last: object = None
    while True:
        page = rows.order_by("pk") if last is None else rows.filter(pk__gt=last).order_by("pk")
        found = list(page.values_list("pk", "sealed")[:BATCH])
        if not found:
            return
        yield from ((pk, sealed) for pk, sealed in found if sealed)
        last = found[-1][0]


def _fresh(sealed: str, what: str) -> str | None:
    """The value under the first key, None where it is so already."""
    keys = [Fernet(key) for key in settings.FIELD_KEYS]
    try:
        keys[0].decrypt(sealed.encode())
    except InvalidToken:
        pass
    else:
        return None
    try:
        return MultiFernet(keys).rotate(sealed.encode()).decode()
    except InvalidToken:
        raise KeyMissing(
            f"Expected one of {len(keys)} keys to open {what}, none did: put the key it was "
            "encrypted with into FIELD_KEYS, behind the new one"
        ) from None
