"""The whole API as its own description tells it, called by everybody with whatever fits or does
not: no accident, and no answer that the description does not have.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import ignored_auth, not_a_server_error, positive_data_acceptance

from appliance.console.openapi import describe
from tests.support.api_world import ROLE_NAMES, Prepared, called, opened, prepare
from tests.support.console_world import make_world

BASE = "http://box"
ABSENT = "service_absent"
"""There is no system bus here."""
BUDGET_S = 20.0
"""For the calls of one route at most, on a machine that is very busy; some make keys."""
ELSEWHERE = [ignored_auth, not_a_server_error, positive_data_acceptance]
"""Who may what has a test of its own; so has a value that fits its shape and makes no sense."""
DESCRIPTION = describe(make_world(0).app())
schema = schemathesis.openapi.from_dict(DESCRIPTION)
schema.config.update(base_url=BASE)
ORDER = ("GET", "POST", "PUT", "DELETE")
ENOUGH = 12
"""A role that was refused so often, whatever it sent, is refused before anything is read."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return asyncio.run(prepare(tmp_path_factory.mktemp("api")))


class Box:
    """A console on a loop of its own."""

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        self.refusals: Counter[str] = Counter()
        self.until = time.monotonic() + BUDGET_S
        self._runner = asyncio.Runner()
        self._opened = opened(prepared, folder)
        self._app: FastAPI = self._runner.run(self._opened.__aenter__())

    def call(self, asked: requests.Request) -> httpx.Response:
        """What it answers."""
        made = asked.prepare()
        headers = [(name, str(value)) for name, value in made.headers.items()]
        body = made.body or b""
        assert isinstance(body, str | bytes)
        request = httpx.Request(str(made.method), str(made.url), headers=headers, content=body)
        return self._runner.run(called(self._app, request))

    def close(self) -> None:
        self._runner.run(self._opened.__aexit__(None, None, None))
        self._runner.close()


@pytest.fixture
def box(prepared: Prepared, tmp_path: Path) -> Iterator[Box]:
    box = Box(prepared, tmp_path)
    yield box
    box.close()


@schema.parametrize()
@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=10,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(
    case: schemathesis.Case[Any], box: Box, prepared: Prepared
) -> None:
    for role in ROLE_NAMES:
        if box.refusals[role] >= ENOUGH or time.monotonic() > box.until:
            continue
        kwargs = case.as_transport_kwargs(base_url=BASE, headers=prepared.headers(role))
        response = box.call(requests.Request(**kwargs))
        case.validate_response(response, excluded_checks=ELSEWHERE)
        absent = response.status_code == 503 and response.json()["code"] == ABSENT
        assert response.status_code < 500 or absent, response.text
        box.refusals[role] += 1 if response.status_code in (401, 403) else -ENOUGH


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in DESCRIPTION["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_parameter_and_body_has_an_example() -> None:
    """Where the shape alone shows none, give one: ``Field(examples=[...])``."""
    lacking = [
        f"{method} {path}: {part.get('name', 'body')}"
        for method, path, operation in operations()
        for part in (
            *operation.get("parameters", ()),
            *operation.get("requestBody", {}).get("content", {}).values(),
        )
        if "example" not in part and "examples" not in part
    ]
    assert lacking == []


def test_the_examples_fit(box: Box, prepared: Prepared) -> None:
    """As the administrator, what only tells first; a refusal of what is there is no misfit."""
    for method, path, operation in sorted(operations(), key=lambda one: ORDER.index(one[0])):
        query, address = {}, BASE + path
        for part in operation.get("parameters", ()):
            value = part.get("example", "")
            if part["in"] == "query":
                query[part["name"]] = value
            address = address.replace(f"{{{part['name']}}}", str(value))
        content = operation.get("requestBody", {}).get("content", {})
        body = content.get("application/json", {}).get("example")
        headers = prepared.headers("Administrator")
        answer = box.call(
            requests.Request(method, address, params=query, json=body, headers=headers)
        )
        misfit = answer.status_code == 422 and answer.json()["code"] == "invalid_input"
        assert not misfit, f"{method} {path}: {answer.text}"


def test_who_may_and_what_is_refused_is_told() -> None:
    tags = {tag["name"]: tag["description"] for tag in DESCRIPTION["tags"]}
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))
    for method, path, operation in operations():
        name = f"{method} {path}"
        assert operation["summary"], name
        assert all(len(tags[tag]) > 10 for tag in operation["tags"]), name
        assert re.search(r"(Needs .+|Open to everybody)\.$", operation["description"]), name
        public = operation["description"].endswith("Open to everybody.")
        assert ("401" in operation["responses"]) is not public, name
        assert bool(operation["security"]) is not public, name
        assert {"4XX", "5XX"} <= set(operation["responses"]), name
    assert set(DESCRIPTION["components"]["securitySchemes"]) == {"cookie", "bearer"}
