"""What a check of the doctor finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Status(StrEnum):
    PASS = "PASS"  # noqa: S105 - no password
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with what was found, and what to do about it."""

    status: Status
    detail: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A finding under the name of its check."""

    name: str
    status: Status
    detail: str
    cure: str

    def to_json(self) -> dict[str, str]:
        """As `doctor --json` prints it."""
        return {key: str(value) for key, value in asdict(self).items()}


def passed(detail: str) -> Finding:
    """All is well."""
    return Finding(Status.PASS, detail)


def warned(detail: str, cure: str) -> Finding:
    """It goes on, but somebody should know."""
    return Finding(Status.WARN, detail, cure)


def failed(detail: str, cure: str) -> Finding:
    """It does not work."""
    return Finding(Status.FAIL, detail, cure)


def worst(findings: list[Finding], otherwise: str) -> Finding:
    """The first of the gravest findings; a pass with this text where there is nothing grave."""
    for status in (Status.FAIL, Status.WARN):
        for finding in findings:
            if finding.status is status:
                return finding
    return passed(otherwise)
