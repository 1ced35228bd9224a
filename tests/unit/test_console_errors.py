"""Every error is ``{code, detail}`` in words; every answer carries the security headers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from appliance.console.errors import status_of
from appliance.console.gatekeeper import content_security_policy
from appliance.console.settings import ConsoleError, ConsoleSettings
from appliance.control_link.words import EndReason
from appliance.service.errors import BargeboxError
from tests.support.console_world import World

SAM = {"Authorization": "Bearer token-sam"}
HTML = {"Accept": "text/html,*/*"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "words"),
    [
        ("GET", "/api/v1/nothing", None, 404, "not_found", "nothing at this address"),
        ("PATCH", "/api/v1/interactions", None, 405, "method_not_allowed", "method"),
        ("GET", "/api/v1/interactions?show=some", None, 422, "invalid_input", "show"),
        ("GET", "/api/v1/interactions?sort=colour", None, 422, "invalid_input", "sort"),
        ("GET", "/api/v1/interactions?per_page=100000", None, 422, "invalid_input", "per_page"),
        ("GET", "/api/v1/interactions?agent=a&agent=b", None, 422, "invalid_input", "agent"),
        ("GET", "/api/v1/interactions?serach=x", None, 422, "invalid_input", "serach"),
        ("GET", f"/api/v1/interactions?search={'x' * 201}", None, 422, "invalid_input", "search"),
        ("GET", "/api/v1/interactions/none", None, 404, "not_found", "no such call"),
        ("POST", "/api/v1/interactions/none/monitor", None, 404, "not_found", "no such call"),
        ("PUT", "/api/v1/monitoring/microphone", {}, 422, "invalid_input", "muted"),
        ("PUT", "/api/v1/monitoring/microphone", {"muted": "no"}, 422, "invalid_input", "muted"),
        ("PUT", "/api/v1/monitoring/microphone", {"muted": True}, 404, "no_session", "not"),
        ("DELETE", "/api/v1/monitoring", None, 404, "no_session", "not"),
        ("PUT", "/api/v1/device/volume", {"percent": 101}, 422, "invalid_input", "percent"),
        ("POST", "/api/v1/device/panel", {"button": "x", "down": True}, 422, "invalid_input", "b"),
        ("POST", "/api/v1/session", {"user": "sam"}, 422, "invalid_input", "password"),
        ("POST", "/api/v1/session", [1], 422, "invalid_input", "body"),
    ],
)
async def test_errors_say_what_is_wrong(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    body: object,
    status: int,
    code: str,
    words: str,
) -> None:
    answer = await client.request(method, path, json=body, headers=SAM)
    assert answer.status_code == status
    fields = {"fields"} if code == "invalid_input" else set()
    assert set(answer.json()) == {"code", "detail"} | fields
    assert answer.json()["code"] == code
    assert words in answer.json()["detail"]


async def test_a_password_never_comes_back_in_an_error(client: httpx.AsyncClient) -> None:
    body = {"user": "sam", "password": "s3cret" * 100}
    answer = await client.post("/api/v1/session", json=body)
    assert answer.status_code == 422
    assert "s3cret" not in answer.text


async def test_an_accident_shows_no_traceback(world: World, client: httpx.AsyncClient) -> None:
    world.monitoring.fail_with = RuntimeError("secret inside")
    answer = await client.post("/api/v1/interactions/call-00000/monitor", headers=SAM)
    assert answer.status_code == 500
    assert answer.json()["code"] == "failed"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BargeboxError("x", code=EndReason.NOT_PERMITTED), 403),
        (BargeboxError("x", code=EndReason.OWN_CALL), 403),
        (BargeboxError("x", code="not_found"), 404),
        (BargeboxError("x", code="busy"), 409),
        (BargeboxError("x", code=EndReason.NO_MONITORING_OBJECT), 409),
        (BargeboxError("x", code=EndReason.MONITORING_DISABLED), 409),
        (BargeboxError("x", code="something_new"), 409),
        (BargeboxError("x", code="audit_unwritable"), 503),
        (BargeboxError("x", code=EndReason.PLATFORM_LOST), 503),
        (BargeboxError("x"), 502),
        (ConsoleError(429, "too_many_attempts", "x"), 429),
    ],
)
def test_codes_have_their_status(error: BargeboxError, status: int) -> None:
    assert status_of(error) == status


async def test_people_get_pages_and_scripts_get_json(client: httpx.AsyncClient) -> None:
    page = await client.get("/nowhere", headers=HTML)
    assert page.status_code == 404
    assert "<h1>Not found</h1>" in page.text
    assert (await client.get("/nowhere")).json()["code"] == "not_found"
    api = await client.get("/api/v1/nowhere", headers=HTML)
    assert api.json()["code"] == "not_found"
    page = await client.get("/interactions", headers=HTML)
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in")
    fragment = await client.get("/interactions/list", headers={"Accept": "*/*"})
    assert fragment.status_code == 401


async def test_a_wrong_method_is_told_all_the_right_ones(client: httpx.AsyncClient) -> None:
    for path, methods in (
        ("/api/v1/session", "DELETE, GET, POST"),
        ("/api/v1/interactions/call-00001", "GET"),
        ("/healthz", "GET"),
    ):
        answer = await client.patch(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)


async def test_bodies_are_limited_unread(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/session", content=b"x" * 70_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    answer = await client.post("/api/v1/session", content=endless())
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
    answer = await client.post("/api/v1/session", headers={"Content-Length": "-1"})
    assert answer.status_code == 413


async def test_garbage_in_a_body_is_refused_in_words(client: httpx.AsyncClient) -> None:
    for content in (b"{", b"\xff\xfe", b"[" * 5000):
        answer = await client.post(
            "/api/v1/session", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422), content[:10]
        assert set(answer.json()) == {"code", "detail"}


@pytest.mark.parametrize(
    "path", ["/healthz", "/sign-in", "/static/icon.svg", "/api/v1/x", "/static/none", "/x"]
)
async def test_every_answer_is_armoured(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")


def test_only_the_demos_ear_may_be_framed() -> None:
    assert "frame-src 'none'" in content_security_policy(None)
    policy = content_security_policy("http://127.0.0.1:4711/ear")
    assert "frame-src http://127.0.0.1:4711;" in policy
    assert policy.count("127.0.0.1") == 1


@pytest.mark.parametrize("url", ["http://x; script-src *", "ftp://x", "http://x/a b", "x", ""])
def test_an_ear_address_cannot_bend_the_policy(url: str) -> None:
    with pytest.raises(ValueError, match="ear_url"):
        ConsoleSettings.model_validate({"ear_url": url})
