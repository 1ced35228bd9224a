"""The box's error family: each error carries a stable code and words that say what to do."""

from __future__ import annotations

from collections.abc import Mapping


class BargeboxError(Exception):
    """An expected fault, shown to people as ``{code, detail}`` and never as a traceback.

    ``code`` is stable and machine-readable (``snake_case``; an end reason where one applies);
    ``detail`` is one sentence in plain words that says what is wrong and what to do.
    """

    code = "failed"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class ValuesError(BargeboxError):
    """Single values that somebody gave are wrong; ``fields`` says of each by name what is."""

    def __init__(self, detail: str, fields: Mapping[str, str], *, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.fields = fields
        self.lines: Mapping[str, int] = {}
        """Where each is, in what was given as a text; counted from 1."""
