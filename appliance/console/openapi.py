"""The API's own description (OpenAPI 3.1), complete: who may, what is refused how, and an example.

FastAPI derives shapes from the code. What it cannot know is added here for all routes alike, so
that a new route is described as soon as it exists.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from appliance.console.access import Public, Requires
from appliance.console.declared import permissions
from appliance.console.examples import example_of
from appliance.console.gatekeeper import ANY_NAME
from appliance.console.web_sessions import COOKIE

Schema = dict[str, Any]

_describing = threading.Lock()
"""FastAPI keeps the one description, and two may ask for it at once."""

ABOUT = """\
Everything that the page does goes through this API. Sign in with `POST /api/v1/session`, which
sets a cookie (changes then need the header `X-Bargebox: 1`), or send `Authorization: Bearer
TOKEN`. Every error is `{code, detail}`. Times are UTC (RFC 3339)."""

SCHEMES = {
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "As `POST /api/v1/session` sets it. Changes need `X-Bargebox: 1` too.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API token (RFC 6750)."},
}
REFUSALS = {
    "401": ("NotSignedIn", "Nobody is signed in.", "not_signed_in", "Sign in first."),
    "403": (
        "NotPermitted",
        "The account may not, or the request comes from another web page.",
        "not_permitted",
        "You need the permission MANAGE_DEVICE.",
    ),
    "413": ("TooLarge", "The body is too long.", "too_large", "The body may have at most 65536 …"),
    "421": ("ForeignHost", "Another host was asked for.", "foreign_host", "This box does not go …"),
    "422": ("InvalidInput", "A value is wrong.", "invalid_input", "percent: This must be 100 …"),
    "4XX": ("Refused", "Refused; the code says why.", "busy", "Try again when the call has ended."),
    "5XX": ("Failed", "Failed; the detail says what to do.", "store_failed", "The disk is full."),
}
"""By status: its name among the components, its words, and an example of code and detail."""


def operation_id(route: APIRoute) -> str:
    """``module_function``: short, its own, and the same however the route's address changes."""
    return f"{route.endpoint.__module__.rpartition('.')[2]}_{route.name}"


def tags_of(*features: ModuleType) -> list[dict[str, str]]:
    """The features' tags, each described by the first paragraph of its modules."""
    words: dict[str, str] = {}
    for feature in features:
        first = " ".join((feature.__doc__ or "").split("\n\n")[0].split())
        for tag in feature.router.tags:
            words[tag] = f"{words.get(tag, '')} {first}".strip()
    return [{"name": tag, "description": text} for tag, text in words.items()]


def describe(app: FastAPI) -> Schema:
    """The description of all routes; takes a tenth of a second the first time: use a thread."""
    with _describing:
        schema: Schema = app.openapi()
        if "securitySchemes" not in schema["components"]:
            _complete(schema, app)
    return schema


def described(app: FastAPI) -> bytes:
    """The same as JSON, made once: it is long."""
    description = describe(app)
    with _describing:
        if not hasattr(app.state, "description"):
            app.state.description = json.dumps(description, separators=(",", ":")).encode()
        made: bytes = app.state.description
        return made


def _complete(schema: Schema, app: FastAPI) -> None:
    components = schema["components"]
    components["securitySchemes"] = SCHEMES
    components["responses"] = {
        name: _refusal(words, code, detail) for name, words, code, detail in REFUSALS.values()
    }
    # A route may say how a part of its path is read, as {target:path}; the description never does.
    rules = {re.sub(r":\w+}", "}", route): rule for route, rule in permissions(app)}
    for address, operation in _operations(schema):
        rule = rules[address]
        needed = isinstance(rule, Requires)
        operation["security"] = [{"cookie": []}, {"bearer": []}] if needed else []
        _tell_who(operation, rule)
        _declare_refusals(operation, rule, any_name=address.endswith(ANY_NAME))
        _give_examples(operation, components["schemas"])


def _operations(schema: Schema) -> Iterator[tuple[str, Schema]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _refusal(words: str, code: str, detail: str) -> Schema:
    shape = {"$ref": "#/components/schemas/Problem"}
    example = {"code": code, "detail": detail}
    return {
        "description": words,
        "content": {"application/json": {"schema": shape, "example": example}},
    }


def _tell_who(operation: Schema, rule: Requires | Public | None) -> None:
    who = "Open to everybody."
    if isinstance(rule, Requires):
        who = "Needs " + (" or ".join(f"`{p}`" for p in rule.any_of) or "a sign-in") + "."
    words = operation.get("description", "").replace("``", "`")
    operation["description"] = f"{words}\n\n{who}".strip()


def _declare_refusals(operation: Schema, rule: Requires | Public | None, *, any_name: bool) -> None:
    """What the layers around every route refuse, and the rest in general."""
    statuses = ["4XX", "5XX", *([] if any_name else ["421"])]
    if isinstance(rule, Requires):
        statuses += ["401", "403"]
    if "requestBody" in operation:
        statuses += ["413", "422"]
    elif operation.get("parameters"):
        statuses.append("422")
    for status in sorted(statuses):
        given = operation["responses"].get(status)
        if given is None or status.endswith("XX"):
            name = REFUSALS[status][0]
            operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}


def _give_examples(operation: Schema, models: Schema) -> None:
    """Parameters and bodies that show none get one that their shape allows."""
    for parameter in operation.get("parameters", ()):
        if "example" not in parameter and "examples" not in parameter:
            _put(parameter, models)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "example" not in content and "examples" not in content:
            _put(content, models)


def _put(place: Schema, models: Schema) -> None:
    try:
        place["example"] = example_of(place["schema"], models)
    except LookupError:
        return
