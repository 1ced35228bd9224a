"""Blots secrets out of a text: those that are known, in every form, and what looks like one."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, SecretStr

from appliance.service.journal import HIDDEN, redact

SHORTEST: Final = 4
"""Characters of a secret that is looked for; a shorter one would blot out half the text."""
_NAMES: Final = re.compile(
    r"(?i)(password|passphrase|secret|token|credential|private|api_?key|admin_key|pin)$"
)
_SHAPES: Final = (
    (re.compile(r"\$argon2\w{0,3}\$[^\s\"']+"), HIDDEN),
    (re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [^-]*-----|\Z)"), HIDDEN),
    (re.compile(r"(bargebox_session=)[^\s;\"']+"), rf"\1{HIDDEN}"),
)
"""Password hashes (PHC strings), keys, cookies."""
_PEOPLE: Final = (
    (re.compile(r"(?i)(sips?:)[^@\s<>\"']{1,256}(@)"), r"\1#\2"),
    (re.compile(r"(?<![\w.:+-])\+?\d{7,15}(?![\w.:-]*[\w])"), "#"),
)
"""Users of SIP, telephone numbers. Bounded: a text of nothing but beginnings would else cost its
square, and no other thread of the process runs meanwhile."""


def redacted(model: BaseModel) -> dict[str, Any]:
    """A model for JSON, its secrets by type and by name hidden; empty ones stay empty."""
    shown = model.model_dump(mode="json")
    for name, value in ((name, getattr(model, name)) for name in type(model).model_fields):
        if isinstance(value, BaseModel):
            shown[name] = redacted(value)
        elif isinstance(value, tuple | list):
            shown[name] = [
                redacted(v) if isinstance(v, BaseModel) else one
                for v, one in zip(value, shown[name], strict=True)
            ]
        elif _is_secret(name, value):
            shown[name] = HIDDEN
    return shown


def secrets_in(model: BaseModel) -> Iterator[str]:
    """The secrets themselves, of every depth."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, BaseModel):
                yield from secrets_in(part)
            elif _is_secret(name, part):
                yield part.get_secret_value() if isinstance(part, SecretStr) else str(part)


def _is_secret(name: str, value: object) -> bool:
    if isinstance(value, SecretStr):
        return bool(value.get_secret_value())
    return isinstance(value, str) and value != "" and _NAMES.search(name) is not None


class Redactor:
    """Knows *secrets* and finds each as it is, in base64, in hex, and as an address or JSON has it.

    What it does not know it finds by its shape, as the log does (`redact`).
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {secret for secret in secrets if len(secret) >= SHORTEST}
        forms = {form for secret in known for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def clean(self, text: str, *, people: bool = False) -> str:
        """*text* without them, and without the numbers of *people*."""
        text = self._known.sub(HIDDEN, text)
        for shape, instead in (*_SHAPES, *(_PEOPLE if people else ())):
            text = shape.sub(instead, text)
        return redact(text)

    def clean_all(self, value: Any, *, people: bool = False) -> Any:
        """Something for JSON, with each text in it cleaned, so that it stays JSON."""
        if isinstance(value, str):
            return self.clean(value, people=people)
        if isinstance(value, dict):
            return {name: self.clean_all(one, people=people) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean_all(one, people=people) for one in value]
        return value


def _forms(secret: str) -> Iterator[str]:
    data = secret.encode("utf-8", "surrogateescape")
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="", errors="replace")
    yield quote_plus(secret, errors="replace")
    yield data.hex()
    yield data.hex().upper()
    for before in range(3):
        # Within a longer text a secret has three forms in base64 (RFC 4648): what of the groups at
        # its ends is not its own is left out.
        encoded = base64.b64encode(b"\0" * before + data).decode()
        first = {0: 0, 1: 2, 2: 3}[before]
        last = len(encoded) - (0, 3, 2)[(before + len(data)) % 3]
        own = encoded[first:last]
        if len(own) >= SHORTEST:
            yield own
            yield own.replace("+", "-").replace("/", "_")
