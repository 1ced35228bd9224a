"""Each value of a question is given once: with two it would be a guess which of them counts."""

from __future__ import annotations

from collections import Counter

from fastapi import Request

from appliance.console.settings import ConsoleError

MAX_SHOWN = 64


async def asked_once(request: Request) -> None:
    """Raise ConsoleError 422 for a query that holds a name twice."""
    names = Counter(name for name, _ in request.query_params.multi_items())
    twice = {name[:MAX_SHOWN]: "Give it once." for name, count in names.items() if count > 1}
    if twice:
        detail = f"Given more than once: {', '.join(twice)}. Give each value once."
        raise ConsoleError(422, "invalid_input", detail, fields=twice)
