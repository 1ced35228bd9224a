"""Words for people that have gaps, marked for the catalogue of the page's languages."""

from __future__ import annotations


def said(text: str, **values: object) -> str:
    """*text* in English with its ``{name}`` filled in. A page finds its translation by that."""
    return text.format(**values)
