"""The visitor's language. English is in the code; ``web/locale`` has the others.

Which one is used for a request is known everywhere while it is answered, the API excepted:
that speaks English to all, and the page translates what it shows.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Final

from babel import negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from markupsafe import escape
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE: Final = "bargebox_language"
"""Set by the page's menu; without it the browser's own wish counts."""
NAMES: Final = {"en": "English", "de": "Deutsch"}
"""The languages that there are, each as its speakers call it."""
DOMAIN: Final = "bargebox"
MOST_WISHES: Final = 20
GAP: Final = re.compile(r"\{(\w+)\}")
LONGEST: Final = 400
"""Characters of a text with gaps. Whoever asks may choose what fills them, and the time that a
longer one takes grows with the third power of its length.
"""

Forms = str | tuple[str, ...]
"""A translation, or one for each plural form."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language with its texts."""

    code: str
    texts: gettext.NullTranslations = field(default_factory=gettext.NullTranslations)
    known: frozenset[str] = frozenset()
    """All English texts of the code; whatever else is looked up came from outside."""
    of_scripts: Mapping[str, Mapping[str, Forms]] = field(default_factory=dict)
    """The texts of the page's scripts, by the script's name."""
    with_gaps: tuple[tuple[re.Pattern[str], str], ...] = ()
    """English texts as they are once their ``{name}`` are filled in, and their translations."""

    def of(self, text: str) -> str | None:
        """The translation of a whole English text, gaps filled in or not; None: there is none."""
        found = self.texts.gettext(text) if text else ""
        if found != text:
            return found
        if len(text) > LONGEST:
            return None
        for pattern, words in self.with_gaps:
            if match := pattern.fullmatch(text):
                return words.format_map(
                    {name: self._sentence(part) for name, part in match.groupdict().items()}
                )
        return None

    def _sentence(self, part: str) -> str:
        """What fills a gap: a whole sentence may be the box's own, such as a reason."""
        return (self.of(part) if part.endswith(".") else None) or part


ENGLISH: Final = Language("en")
_spoken: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def later(text: str) -> str:
    """Mark a text for the catalogue that is translated where it is shown."""
    return text


def translated(text: str, /, **values: object) -> str:
    """*text* in the visitor's language, with *values* in the place of its ``%(name)s``.

    What the catalogue lacks, such as what a platform said, stays as it is. Without values a
    percent sign may be doubled or not.
    """
    found = _spoken.get().texts.gettext(text) if text else ""
    return found % values if values else found.replace("%%", "%")


def in_their_words(text: str) -> str:
    """A whole English text in the visitor's language, its gaps filled in or not; what the
    catalogue lacks stays as it is.
    """
    language = _spoken.get()
    return text if language is ENGLISH else language.of(text) or text


def counted(one: str, many: str, count: int) -> str:
    """The form of a text that fits *count*, which is its ``%(num)s``."""
    return _spoken.get().texts.ngettext(one, many, count) % {"num": count}


def for_template(text: str) -> str:
    """*text* for a template, which takes it for markup and fills in its ``%(name)s``.

    So what the catalogue does not know, such as what a platform said, is escaped.
    """
    language = _spoken.get()
    return _known(language.texts.gettext(text)) if text in language.known else _foreign(text)


def counted_for_template(one: str, many: str, count: int) -> str:
    """The same for a text with a plural; *count* is its ``%(num)s``."""
    language = _spoken.get()
    if one not in language.known:
        return _foreign(one if count == 1 else many)
    return _known(language.texts.ngettext(one, many, count))


def _known(text: str) -> str:
    """A text without anything to fill in keeps its percent signs, doubled or not."""
    return text if "%(" in text else text.replace("%%", "%").replace("%", "%%")


def _foreign(text: str) -> str:
    return escape(text).replace("%", "%%")


def spoken() -> Language:
    """What the visitor reads."""
    return _spoken.get()


def speak(language: Language) -> None:
    """Have all texts in *language* from here on, in this task."""
    _spoken.set(language)


def for_scripts(names: list[str]) -> dict[str, Forms]:
    """The texts of these scripts; nothing in English, which they have themselves."""
    found = _spoken.get().of_scripts
    return {text: words for name in names for text, words in found.get(name, {}).items()}


def read_languages(folder: Path) -> dict[str, Language]:
    """All languages by their codes. Reads *folder*; raises OSError where one is missing."""
    for code in NAMES:  # Babel reads what it knows of a language at its first use
        format_decimal(1.5, locale=code)
    others = {code: _read(folder, code) for code in NAMES if code != ENGLISH.code}
    known = frozenset[str]().union(*(language.known for language in others.values()))
    return {ENGLISH.code: Language(ENGLISH.code, known=known), **others}


def _read(folder: Path, code: str) -> Language:
    with (folder / code / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        catalogue = read_po(file, locale=code, domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    scripts: dict[str, dict[str, Forms]] = {}
    known = set()
    for message in catalogue:
        text = message.id if isinstance(message.id, str) else message.id[0]
        known.add(text)
        for place, _line in message.locations:
            if place.endswith(".js") and message.string and not message.fuzzy:
                words = message.string
                forms = words if isinstance(words, str) else tuple(words)
                scripts.setdefault(PurePosixPath(place).stem, {})[text] = forms
    texts = gettext.GNUTranslations(compiled)
    return Language(code, texts, frozenset(known), scripts, tuple(_with_gaps(catalogue)))


def _with_gaps(catalogue: Catalog) -> Iterator[tuple[re.Pattern[str], str]]:
    """What is filled in by ``str.format``; templates fill in ``%(name)s``."""
    for message in catalogue:
        if not isinstance(message.id, str) or not isinstance(message.string, str):
            continue
        if all(place.endswith(".js") for place, _line in message.locations):
            continue  # the scripts fill in their own
        parts = GAP.split(message.id)
        if len(parts) > 1 and message.string and not message.fuzzy:
            texts, names = map(re.escape, parts[::2]), parts[1::2]
            gaps = [*(f"(?P<{name}>.+)" for name in names), ""]
            pattern = "".join(text + gap for text, gap in zip(texts, gaps, strict=True))
            yield re.compile(pattern), message.string


def wished(cookie: str | None, header: str) -> str:
    """The language chosen in the menu, else the first of the browser's wishes that there is.

    *header* is ``Accept-Language`` (RFC 9110, 12.5.4).
    """
    if cookie in NAMES:
        return cookie
    wishes = []
    for part in header.split(",")[:MOST_WISHES]:
        tag, _, rest = part.partition(";")
        wishes.append((_weight(rest), tag.strip().replace("-", "_")))
    wishes.sort(key=lambda wish: -wish[0])
    tags = [tag for weight, tag in wishes if tag and weight > 0]
    return negotiate_locale(tags, list(NAMES)) or ENGLISH.code


def _weight(parameter: str) -> float:
    """The ``q`` of a wish; what is not a number counts as no wish."""
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


class InTheirLanguage:
    """ASGI middleware: while a page's request is answered, its visitor's language is spoken."""

    def __init__(self, app: ASGIApp, languages: Mapping[str, Language]) -> None:
        self._app, self._languages = app, languages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            language = self._languages[ENGLISH.code]
            if not scope["path"].startswith(("/api/", "/static/")):
                visitor = HTTPConnection(scope)
                wish = visitor.headers.get("accept-language", "")
                language = self._languages[wished(visitor.cookies.get(COOKIE), wish)]
            # Not taken back: an accident's page is made further out, and each request sets it.
            speak(language)
        await self._app(scope, receive, send)
