"""Why a document is refused: each line, its field, and what is wrong there in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.service.errors import ValuesError

SHOWN: Final = 20
"""Faults that are told at once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them. ``line`` counts from 1; None where there is none, as without a text."""

    field: str
    words: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"Line {self.line}, " if self.line is not None else ""
        return f"{where}{self.field}: {self.words}"


class SiteFileError(ValuesError):
    """The document is refused as a whole, and nothing was changed."""

    code = "settings_refused"

    def __init__(self, faults: Sequence[Fault], *, code: str | None = None) -> None:
        told = list(faults)[:SHOWN]
        super().__init__(
            " ".join([*map(str, told), "Nothing was changed."]),
            {fault.field: fault.words for fault in told},
            code=code,
        )
        self.lines = {one.field: one.line for one in told if one.line is not None}
        self.faults: tuple[Fault, ...] = tuple(told)

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> SiteFileError:
        """Without lines."""
        return cls([Fault(name, words) for name, words in fields.items()])
