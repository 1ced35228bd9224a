"""What a document would change, value by value; secrets only by their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from appliance.provisioning.site_file.erasing import Where, secret_places
from appliance.provisioning.site_file.reading import GivenFile

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One of them; both values are None of a secret."""

    field: str
    before: str | None
    after: str | None


def changes(now: Data, given: GivenFile) -> list[Change]:
    """What *given* says otherwise than the box's document *now*."""
    before = dict(_flat(now))
    secret = _names(secret_places(given.document))
    # One that goes is told of too; where there is none, the box's document says so.
    secret |= _names(secret_places(given.document, empty=True)) - before.keys()
    found = []
    for name, value in _flat(given.data, secret=secret):
        if value is None:
            found.append(Change(name, None, None))
        elif before.get(name) != value:
            found.append(Change(name, before.get(name, ""), value))
    return found


def _names(places: Iterator[Where]) -> set[str]:
    return {".".join(map(str, where)) for where in places}


def _flat(
    value: Any, name: str = "", place: str = "", secret: set[str] | None = None
) -> Iterator[tuple[str, str | None]]:
    """Each value by its name, rows by their own name rather than their number."""
    if place and secret and place in secret:
        yield name, None
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _flat(one, _join(name, key), _join(place, key), secret)
    elif isinstance(value, list) and all(isinstance(row, dict) and "group" in row for row in value):
        yield name, "; ".join(f"{row['group']}: {row['role']}" for row in value)  # all in its place
    elif isinstance(value, list) and isinstance(value[0], dict):
        for number, one in enumerate(value):
            called = one.get("name", number)
            yield from _flat(one, _join(name, str(called)), _join(place, str(number)), secret)
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value))
    else:
        yield name, _words(value)


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
