"""What the platform sends that nobody told us of: said in the log once each, names only."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

log = logging.getLogger(__name__)

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,31}")
MOST = 300
"""Different surprises that are remembered; after so many, nothing more is said."""


class Oddities:
    """Notes field names, message types and statuses; never values, which could be secrets."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def met(self, kind: str, word: object) -> None:
        """Note a word of the platform's; of what could be a secret its length alone."""
        text = str(word)
        plain = _WORD.fullmatch(text) is not None
        self.note(kind, text if plain else f"a text of {len(text)} characters")

    def note(self, kind: str, what: object) -> None:
        """Say once that *what* (cut to 60 characters, escaped) of this *kind* was met."""
        name = ascii(str(what)[:60])
        if (kind, name) in self._said or len(self._said) >= MOST:
            return
        self._said.add((kind, name))
        log.warning("CxEngage: unknown %s met: %s", kind, name)

    def fields(self, where: str, names: Iterable[str]) -> None:
        """Note each unknown field of a message or an answer."""
        for name in list(names)[:20]:
            self.met(f"field in {where}", name)
