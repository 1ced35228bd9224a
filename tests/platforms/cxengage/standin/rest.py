"""The REST interface under ``/v1``: tokens, presence, configuration, interrupts, the list.

[?] The body of an error: here ``{"error": {…}}``. [?] The statuses besides 200.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from tests.platforms.cxengage.standin.engine import Engine, RefusedError
from tests.platforms.cxengage.standin.listing import rows
from tests.platforms.cxengage.standin.tenant import Session, Tenant, User

router = APIRouter(prefix="/v1")
REGION = "20000000-0000-4000-8000-000000000001"


def refuse(status: int, code: str) -> Response:
    """An error."""
    return JSONResponse({"error": {"code": code, "message": code.replace("-", " ")}}, status)


def result(value: Any) -> Response:
    """A success."""
    return JSONResponse({"result": value})


@router.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
async def every(request: Request, path: str) -> Response:
    tenant: Tenant = request.app.state.tenant
    raw = await request.body()  # what has come is done, also when nobody waits for the answer
    fault = tenant.faults.rest_fault(request.method, f"/v1/{path}")
    if fault is not None:
        await asyncio.sleep(fault.delay)
    if fault is not None and fault.status:
        answer = fault.answer()
    else:
        answer = await _dispatch(request, raw, request.app.state.engine, path)
    tenant.requests.append((request.method, f"/v1/{path}", answer.status_code))
    return answer


async def _dispatch(request: Request, raw: bytes, engine: Engine, path: str) -> Response:
    tenant = engine.tenant
    body = json.loads(raw) if raw else {}
    parts = path.split("/")
    if (request.method, path) == ("POST", "tokens"):
        user = tenant.by_name(str(body.get("username")))
        if user is None or body.get("password") != user.settings.password:
            return refuse(401, "bad-credentials")
        return JSONResponse({"token": tenant.new_token(user, float(body.get("ttl", 3600)))})
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    user = tenant.user_of(token) if scheme == "Token" else None
    if user is None:
        return refuse(401, "unauthorized")
    match request.method, *parts:
        case "POST", "login":
            tid = tenant.settings.tenant_id
            mine = {"tenantId": tid, "tenantName": "Acme", "tenantPermissions": user.permissions}
            return result({"userId": user.id, "tenants": [mine], "platformPermissions": []})
        case "GET", "regions", region:
            return result({"id": region, "name": "us-east-1"})
        case method, "tenants", tid, *rest if tid == tenant.settings.tenant_id:
            return await _in_tenant(request, engine, user, [method, *rest], body)
    return refuse(404, "not-found")


async def _in_tenant(
    request: Request, engine: Engine, user: User, what: list[str], body: dict[str, Any]
) -> Response:
    match what:
        case ["GET"]:
            return result({"id": engine.tenant.settings.tenant_id, "regionId": REGION})
        case ["GET", "users", uid, "config"] if uid == user.id:
            base = str(request.base_url).rstrip("/")
            return result(
                {
                    "extensions": [user.extension] if user.extension else [],
                    "activeExtension": user.extension,
                    "integrations": engine.tenant.integrations(user, base),
                    "reasonLists": [],
                }
            )
        case [method, "presence", uid, *rest] if uid == user.id:
            return _presence(engine.tenant, user, [method, *rest], body)
        case ["POST", "interactions", iid, "actions", action] if iid in engine.calls:
            if body.get("source") != "client" or body["update"]["resourceId"] != user.id:
                return refuse(400, "bad-acknowledgement")
            engine.acknowledge(action)
            return result({})
        case ["POST", "interactions", iid, "interrupts"]:
            return await _interrupt(engine, user, iid, body)
        case ["POST", "realtime-statistics", "batch"]:
            return _statistics(engine, user, body)
    return refuse(404, "not-found")


def _presence(tenant: Tenant, user: User, what: list[str], body: dict[str, Any]) -> Response:
    session = user.session
    match what:
        case ["GET"]:
            state = session.state if session else "offline"
            return result({"state": state, "sessionId": session.id if session else None})
        case ["POST", "session"]:
            user.session = Session()
            return result({"sessionId": user.session.id})
    if session is None or body.get("sessionId") != session.id:
        return refuse(404, "no-such-session")
    match what:
        case ["POST", "heartbeat"]:
            session.beat_at = time.monotonic()
            return result({"heartbeatDelay": tenant.settings.heartbeat_delay})
        case ["POST"]:
            session.state = str(body.get("state"))
            if session.state == "offline":
                user.session = None
            return result({"state": session.state})
    return refuse(404, "not-found")


async def _interrupt(engine: Engine, user: User, iid: str, body: dict[str, Any]) -> Response:
    call = engine.calls.get(iid)
    if call is None or not call.active:
        return refuse(404, "no-such-interaction")
    interrupt = body.get("interrupt") or {}
    target = str(interrupt.get("targetResource", ""))
    if body.get("source") != "client" or interrupt.get("resourceId") != user.id:
        return refuse(400, "bad-interrupt")
    try:
        match body.get("interruptType"):
            case "silent-monitoring":
                await engine.start(user, call, interrupt)
            case "unmute-resource":
                await engine.set_mute(user, call, target, muted=False)
            case "mute-resource":
                await engine.set_mute(user, call, target, muted=True)
            case "remove-resource":
                await engine.remove(call, target)
            case _:
                return refuse(400, "unknown-interrupt")
    except RefusedError as refusal:
        status, error = refusal.args
        return JSONResponse({"error": error}, status)
    return result({})


def _statistics(engine: Engine, user: User, body: dict[str, Any]) -> Response:
    if "VIEW_ALL_MONITORED_CALLS" not in user.permissions:
        return refuse(403, "forbidden")
    results = {}
    for name, asked in (body.get("requests") or {}).items():
        if asked.get("statistic") != "interactions-in-conversation-list":
            results[name] = {"status": 400, "body": {}}
            continue
        results[name] = {"status": 200, "body": {"results": {"interactions": rows(engine)}}}
    return JSONResponse({"results": results})
