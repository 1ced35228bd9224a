"""Secrets in settings, first the platform's: who may read the settings never reads them.

Settings that come back without them get them again, unless an address beside them has changed:
a secret goes only where whoever typed it meant it to go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr

from appliance.service.errors import BargeboxError


class SecretNeededError(BargeboxError):
    """A secret cannot be kept; ``fields`` are the settings that have to be given anew."""

    code = "secret_needed"

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__(f"An address has changed: {', '.join(fields)} must be given again.")
        self.fields = fields


def secrets_of(model: BaseModel, path: str = "") -> Iterator[str]:
    """The names of the secrets that are set, as ``section.field``."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from secrets_of(value, f"{path}{name}.")
        elif isinstance(value, SecretStr) and value.get_secret_value():
            yield path + name


def without_secrets(model: BaseModel) -> dict[str, Any]:
    """All settings for JSON, with the secrets left out, set or not."""
    shown = model.model_dump(mode="json")
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SecretStr):
            del shown[name]
        elif isinstance(value, BaseModel):
            shown[name] = without_secrets(value)
    return shown


def with_secrets(model: BaseModel) -> str:
    """What differs from the defaults, as JSON, secrets included: for a file that nobody else reads.

    What is at its default follows a later default.
    """

    def plain(value: object) -> str:
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    return json.dumps(model.model_dump(exclude_defaults=True), default=plain, indent=2)


M = TypeVar("M", bound=BaseModel)


def completed(new: M, now: M) -> M:
    """*new* with the sections and secrets that were left out of it as they are *now*.

    Raises `SecretNeededError`.
    """
    needed: list[str] = []
    merged = _completed(new, now, "", needed)
    if needed:
        raise SecretNeededError(tuple(needed))
    return merged


def _completed(new: M, now: M, path: str, needed: list[str]) -> M:
    kept: dict[str, object] = {}
    moved = any(getattr(new, name) != getattr(now, name) for name in addresses_of(type(new)))
    for name in type(new).model_fields:
        given, before = getattr(new, name), getattr(now, name)
        left_out = name not in new.model_fields_set
        if isinstance(before, SecretStr) and left_out and before.get_secret_value():
            if moved:
                needed.append(path + name)
            kept[name] = before
        elif isinstance(before, BaseModel):
            kept[name] = before if left_out else _completed(given, before, f"{path}{name}.", needed)
    return new.model_copy(update=kept)


def addresses_of(kind: type[BaseModel]) -> list[str]:
    """The fields of a section that say where it connects to, and whom it trusts there."""
    fields = kind.model_json_schema()["properties"]
    return [name for name, schema in fields.items() if _leads_somewhere(schema)]


def _leads_somewhere(schema: dict[str, Any]) -> bool:
    inner = [schema, schema.get("items", {}), *schema.get("anyOf", ())]
    return any(
        part.get("format") in {"uri", "path"} or "://" in part.get("pattern", "") for part in inner
    )
