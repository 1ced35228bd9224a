"""What is wrong with a value, in words for whoever typed it; the value itself is not repeated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_WORDS = {
    "missing": "This is needed.",
    "extra_forbidden": "There is no such setting.",
    "string_type": "This must be text.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "float_type": "This must be a number, such as 2.5.",
    "float_parsing": "This must be a number, such as 2.5.",
    "finite_number": "This must be a number, such as 2.5.",
    "path_type": "This must be the path of a file on the box.",
    "string_pattern_mismatch": "This has characters that cannot be here, or is too long.",
    "greater_than": "This must be more than {gt}.",
    "greater_than_equal": "This must be {ge} or more.",
    "less_than": "This must be less than {lt}.",
    "less_than_equal": "This must be {le} or less.",
    "string_too_long": "This may have at most {max_length} characters.",
    "string_too_short": "This needs at least {min_length} characters.",
    "too_long": "There may be at most {max_length} of these.",
    "too_short": "There must be at least {min_length} of these.",
    "literal_error": "This must be {expected}.",
    "enum": "This must be {expected}.",
}
"""By pydantic's type of error; its other messages are shown as they are."""


MAX_NAME = 100
"""Characters of a value's name; a name that is not known is the sender's own."""


def in_words(fault: Mapping[str, Any]) -> str:
    """One of pydantic's errors, as a sentence."""
    context = fault.get("ctx", {})
    if context.get("min_length") == 1:
        return _WORDS["missing"]
    if fault["type"] == "value_error":
        return str(context["error"])
    words = _WORDS.get(fault["type"])
    if words is None:
        return str(fault["msg"])
    numbers = {name: f"{v:g}" if isinstance(v, float) else v for name, v in context.items()}
    return words.format_map(numbers)


def by_field(faults: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """All of them by the name of their value; of a list and its entries only the entries'."""
    told = {name_of(fault["loc"]): in_words(fault) for fault in faults}
    return {
        name: words
        for name, words in told.items()
        if not any(other.startswith(f"{name}.") for other in told)
    }


def name_of(where: Sequence[str | int]) -> str:
    """The value's name, ``asterisk.agents.0.name``, from its place in the request or the file."""
    own = where[1:] if len(where) > 1 and where[0] in ("body", "query", "path") else where
    return ".".join(map(str, own))[:MAX_NAME] or "all"
