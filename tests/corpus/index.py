"""The index of the captures, ``streams/index.toml``: what each is, and how it was made."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.table import BY_NAME, COMFORT_NOISE

STREAMS = Path(__file__).with_name("streams")
INDEX = STREAMS / "index.toml"
HEAD = "# Written by `make corpus`; see ../README.md.\n"
NAMES = BY_NAME | {COMFORT_NOISE.name: COMFORT_NOISE}


@dataclass(frozen=True)
class Entry:
    """One capture."""

    sender: str
    """Program and version."""
    codecs: dict[int, str]
    """What each payload type that came stands for, as both sides agreed; "" for none of ours."""
    happens: str
    packets: int
    seconds: float
    command: str

    def known(self) -> dict[int, Codec]:
        """The codec of each payload type that the leg knew."""
        return {number: NAMES[name] for number, name in self.codecs.items() if name}


def read() -> dict[str, Entry]:
    """All captures by name."""
    if not INDEX.exists():
        return {}
    entries = tomllib.loads(INDEX.read_text())
    for fields in entries.values():
        fields["codecs"] = {int(number): name for number, name in fields["codecs"].items()}
    return {name: Entry(**fields) for name, fields in entries.items()}


def write(entries: dict[str, Entry]) -> None:
    """Replace the index."""
    INDEX.write_text(HEAD + "".join(_table(name, entries[name]) for name in sorted(entries)))


def _table(name: str, entry: Entry) -> str:
    codecs = ", ".join(f"{number} = {json.dumps(is_)}" for number, is_ in entry.codecs.items())
    fields = vars(entry) | {"codecs": None}
    lines = [
        f"{field} = {f'{{ {codecs} }}' if value is None else json.dumps(value)}"
        for field, value in fields.items()
    ]
    return "\n".join(["", f"[{name}]", *lines, ""])


def path_of(name: str) -> Path:
    """The file of a capture."""
    return STREAMS / f"{name}.rtpdump.gz"
