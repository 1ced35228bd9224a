"""``make texts``: puts new texts into the catalogues, takes those out that no file has any more."""

from __future__ import annotations

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from tests.texts.collect import OTHERS, collect, path_of, problems, read

HEADER = """\
# Texts of Bargebox's page. `make texts` adds what is new; write its translation below.
msgid ""
msgstr ""
"Language: {code}\\n"
"Plural-Forms: {plural_forms}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
"""Without dates, which would differ in every branch."""


def write(code: str, catalogue: Catalog) -> None:
    """Keep *catalogue*; the same one gives the same file."""
    path_of(code).parent.mkdir(parents=True, exist_ok=True)
    with path_of(code).open("wb") as file:
        file.write(HEADER.format(code=code, plural_forms=catalogue.plural_forms).encode())
        write_po(
            file,
            catalogue,
            width=100,
            omit_header=True,
            sort_by_file=True,
            ignore_obsolete=True,
            include_lineno=False,
        )


def main() -> None:
    """Bring every catalogue up to date and say what is still to be translated."""
    wanted = collect()
    for code in OTHERS:
        kept = read(code) if path_of(code).exists() else Catalog(locale=code, fuzzy=False)
        # No guesses from similar texts: a wrong one is worse than a gap that a test finds.
        kept.update(wanted, no_fuzzy_matching=True)
        kept.obsolete.clear()
        write(code, kept)
        left = problems(wanted, read(code))
        print(*left, f"{code}: {len(wanted)} texts, {len(left)} to do", sep="\n")


if __name__ == "__main__":
    main()
