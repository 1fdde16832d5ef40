"""Database fields of our own."""

from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class EncryptedTextField(models.TextField[str, str]):
    """Text encrypted at rest with the first of FIELD_KEYS, readable with any of them.

    A value no key opens raises `cryptography.fernet.InvalidToken`; only `isnull` look-ups work.
    """

    def get_prep_value(self, value: str | None) -> str | None:
        return _fernet().encrypt(value.encode()).decode() if value else value

    def from_db_value(
        self, value: str | None, expression: object, connection: BaseDatabaseWrapper
    ) -> str | None:
        return _fernet().decrypt(value.encode()).decode() if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])
