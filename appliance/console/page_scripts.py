"""A page's own scripts in one file.

They are written as small ES modules, and joined when a page is first made: a browser on a
small computer takes milliseconds for each file beside what is in it, and a page has about twenty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Final

MAIN: Final = "main"
"""The module that begins the page, with the parts that are its own."""
_IMPORT = re.compile(r'^import (?:\* as (\w+)|\{([^}]+)\}) from "\./(\w+)\.js";$', re.M)
_EXPORT = re.compile(r"^export (?=(?:(?:async )?function|class|const) (\w+))", re.M)
_LEFT = re.compile(r"^(?:import|export)\b.*|.*\bimport\(.*", re.M)


@dataclass(frozen=True, slots=True)
class _Script:
    body: str
    """A function's, which returns what the module exports."""
    imports: tuple[str, ...]


class PageScripts:
    """Of *texts*, module by module.

    Raises ``ValueError`` for one that is written in another way than ``import {…} from "./x.js";``,
    ``import * as x from "./x.js";`` and ``export`` before a function, class or const, each at the
    beginning of a line, and for modules that import each other.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._scripts = {name: _read(name, text) for name, text in texts.items()}
        graph = {name: script.imports for name, script in self._scripts.items()}
        try:
            self._order = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            raise ValueError(f"scripts that import each other: {error.args[1]}") from error
        if unknown := set(self._order) - self._scripts.keys():
            raise ValueError(f"scripts that are imported and not there: {sorted(unknown)}")

    def needed(self, parts: Iterable[str]) -> list[str]:
        """The modules of a page with these *parts*, each behind what it imports.

        Raises ``KeyError`` for a part that is not there.
        """
        found: set[str] = set()
        waiting = [MAIN, *parts]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._scripts[name].imports
        return [name for name in self._order if name in found]

    def joined(self, parts: Iterable[str]) -> str:
        """One module that begins a page with these *parts*. Raises ``KeyError``."""
        parts = list(parts)
        bodies = [
            f"const ${name} = (() => {{\n{self._scripts[name].body}}})();\n"
            for name in self.needed(parts)
        ]
        own = ", ".join(f"${part}" for part in parts)
        return "".join(bodies) + f"${MAIN}.begin([{own}]);\n"


def _read(name: str, text: str) -> _Script:
    exports = [match[1] for match in _EXPORT.finditer(text)]
    imports = tuple(match[3] for match in _IMPORT.finditer(text))
    body = _IMPORT.sub(_bound, _EXPORT.sub("", text))
    if left := _LEFT.search(body):
        raise ValueError(f"{name}.js cannot be joined with others: {left[0]}")
    return _Script(f"{body}\nreturn {{ {', '.join(exports)} }};\n", imports)


def _bound(match: re.Match[str]) -> str:
    whole, names, module = match.groups()
    if whole:
        return f"const {whole} = ${module};"
    return f"const {{{names.replace(' as ', ': ')}}} = ${module};"
