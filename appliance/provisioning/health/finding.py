"""A finding: something that is wrong, in words, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    FAULT = "fault"
    """The box, or a part of it, does not work."""
    WARNING = "warning"
    """It works, and will not always."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. Nothing in it is about a person or a call."""

    code: str
    severity: Severity
    words: str
    """What is wrong, with its figures."""
    suggestion: str
    """What a person does about it."""


def fault(code: str, words: str, suggestion: str) -> Finding:
    """Something does not work."""
    return Finding(code, Severity.FAULT, words, suggestion)


def warning(code: str, words: str, suggestion: str) -> Finding:
    """Something works and will not always."""
    return Finding(code, Severity.WARNING, words, suggestion)
