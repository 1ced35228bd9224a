"""From a text to the document, or to what is wrong with it, line by line."""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from appliance.provisioning.site_file.document import SiteFile
from appliance.provisioning.site_file.erasing import ERASED
from appliance.provisioning.site_file.errors import SHOWN, Fault, SiteFileError
from appliance.provisioning.site_file.lines import line_of
from appliance.provisioning.words import said
from appliance.service.faults import in_words, name_of

MAX_BYTES: Final = 512 * 1024
MAX_BESIDE: Final = 64 * 1024
"""Bytes of a file that the document names."""

Data = dict[str, Any]
Where = tuple[str | int, ...]
_LINE = re.compile(r" \(at line (\d+), column \d+\)$| \(at end of document\)$")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*+"|\'[^\']*+\'|#.*')
_MOST_DOTS = 50
"""In a line, outside of its texts; what reads TOML takes the square of the parts of one name."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 ._-]{0,99}")
_NO_FILES = said("A file cannot be named here; give its text instead.")


@dataclass(frozen=True, slots=True)
class GivenFile:
    """What was given: the document, its plain data with the named files' texts, their names."""

    document: SiteFile
    data: Data
    beside: dict[Where, str]


def read_text(text: str, folder: Path | None = None) -> GivenFile:
    """Validate *text* whole; files that it names are in *folder*. Raises `SiteFileError`.

    It waits for the disk, and takes its time: not for the event loop.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > _MOST_DOTS and _QUOTED.sub("", line).count(".") > _MOST_DOTS:
            raise SiteFileError([Fault("file", "A name in it has too many parts.", number)])
    try:
        found = tomllib.loads(text)
        faults: list[Fault] = []
        beside: dict[Where, str] = {}
        data = _with_files(found, folder, (), beside, faults, text)
    except tomllib.TOMLDecodeError as error:
        raise SiteFileError([_not_toml(text, str(error))]) from error
    except RecursionError as error:
        raise SiteFileError([Fault("file", "It is nested too deeply.")]) from error
    if faults:
        raise SiteFileError(faults)
    return GivenFile(read_data(data, text), data, beside)


def read_data(data: Data, text: str = "") -> SiteFile:
    """Validate plain *data*, which was *text*. Raises `SiteFileError`."""
    try:
        # As JSON, so that nothing is taken for what it is not: no number for a text, or "1" for 1.
        return SiteFile.model_validate_json(json.dumps(data, default=_of_toml), strict=True)
    except RecursionError as error:
        raise SiteFileError([Fault("file", "It is nested too deeply.")]) from error
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)
        raise SiteFileError(_faults(told, text)) from error


def places(text: str, fields: dict[str, str]) -> SiteFileError:
    """What is wrong with values of *text* that are right by themselves, by their names."""
    return SiteFileError(
        [Fault(name, words, _line(text, _where(name))) for name, words in fields.items()]
    )


def _where(name: str) -> Where:
    return tuple(int(part) if part.isdigit() else part for part in name.split("."))


def _faults(told: Sequence[Any], text: str) -> list[Fault]:
    names = [".".join(map(str, one["loc"])) for one in told]
    faults: list[Fault] = []
    for one, name in zip(told, names, strict=True):
        if not any(other.startswith(f"{name}.") for other in names):
            line = _line(text, one["loc"]) if len(faults) < SHOWN else None
            faults.append(Fault(name_of(one["loc"]), in_words(one), line))
    return faults


def _line(text: str, where: Where) -> int | None:
    return line_of(text, where) if text else None


def _not_toml(text: str, words: str) -> Fault:
    found = _LINE.search(words)
    last = text.count("\n") + 1
    line = None if found is None else int(found[1] or last)
    what = words[: found.start()] if found is not None else words
    return Fault("file", said("This is not TOML: {what}.", what=what.rstrip(".")), line)


def _of_toml(value: object) -> object:
    """A date or time, which no setting is."""
    return {"date": str(value)}


def _with_files(
    value: Any, folder: Path | None, where: Where, beside: dict[Where, str],
    faults: list[Fault], text: str,
) -> Any:  # fmt: skip
    """*value* with the text of each ``{file = "NAME"}``, and without what was erased."""
    if isinstance(value, dict):
        if set(value) == {"file"} and where:
            try:
                beside[where] = str(value["file"])
                return _beside(folder, value["file"])
            except ValueError as error:
                name = ".".join(map(str, where))
                faults.append(Fault(name, str(error), _line(text, where)))
                return ""
        return {
            name: _with_files(one, folder, (*where, name), beside, faults, text)
            for name, one in value.items()
            if one != ERASED
        }
    if isinstance(value, list):
        return [
            _with_files(one, folder, (*where, number), beside, faults, text)
            for number, one in enumerate(value)
        ]
    return value


def _beside(folder: Path | None, name: object) -> str:
    """The text of a file beside the document. Raises ``ValueError`` in plain words."""
    if folder is None:
        raise ValueError(_NO_FILES)
    if not isinstance(name, str) or not _PLAIN_NAME.fullmatch(name):
        raise ValueError("Give the plain name of a file beside this one.")
    try:
        data = read_plain(folder / name, MAX_BESIDE)
    except OSError as error:
        raise ValueError(f"The file {name} cannot be read: {error.strerror}.") from error
    if data is None:
        raise ValueError(f"The file {name} is no plain file, or larger than {MAX_BESIDE} bytes.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"The file {name} is no text; give PEM.") from None


def read_plain(path: Path, most: int) -> bytes | None:
    """What is in a plain file, None for any other or a larger one. Raises ``OSError``.

    A link on a stick could lead anywhere, so none is followed.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        data = file.read(most + 1)
    return data if len(data) <= most else None


def decoded(text: bytes) -> str:
    """A document's text. Raises `SiteFileError`."""
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        words = "This is not UTF-8 text; save it as UTF-8."
        raise SiteFileError([Fault("file", words, line)]) from error
