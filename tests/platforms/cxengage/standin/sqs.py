"""The queue's HTTP side: the JSON protocol of SQS, with credentials that expire.

Signatures are verified loosely: form, access key, session token and expiry, not the sum itself.
The error names are those that AWS documents; which of them an expired key brings is [I].
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from tests.platforms.cxengage.standin.tenant import Tenant, User

router = APIRouter()
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/\d{8}/[\w-]+/sqs/aws4_request, "
    r"SignedHeaders=[\w;-]+, Signature=[0-9a-f]{64}"
)
KIND = "application/x-amz-json-1.0"


def _refused(status: int, name: str, message: str) -> Response:
    body = {"__type": f"com.amazonaws.sqs#{name}", "message": message}
    return JSONResponse(body, status, {"x-amzn-RequestId": "0"}, KIND)


def _user(tenant: Tenant, request: Request) -> User | Response:
    signed = SIGNED.fullmatch(request.headers.get("authorization", ""))
    if not signed:
        return _refused(403, "MissingAuthenticationToken", "not signed")
    for user in tenant.users.values():
        for credentials in user.sqs_credentials:
            if credentials["accessKey"] != signed["key"]:
                continue
            if credentials["sessionToken"] != request.headers.get("x-amz-security-token"):
                return _refused(403, "InvalidClientTokenId", "the session token does not fit")
            if credentials["until"] < time.monotonic():
                return _refused(403, "ExpiredTokenException", "the token is expired")
            return user
    return _refused(403, "InvalidClientTokenId", "unknown access key")


@router.post("/sqs/")
async def call(request: Request) -> Response:
    tenant: Tenant = request.app.state.tenant
    target = request.headers.get("x-amz-target", "")
    if (fault := tenant.faults.rest_fault("POST", f"/sqs/{target}")) is not None:
        await asyncio.sleep(fault.delay)
        if fault.status:
            return fault.answer()
    user = _user(tenant, request)
    if isinstance(user, Response):
        tenant.queue_refusals += 1
        return user
    asked: dict[str, Any] = json.loads(await request.body())
    if not str(asked.get("QueueUrl", "")).endswith(user.queue.url_path):
        return _refused(400, "QueueDoesNotExist", "no such queue")
    match target:
        case "AmazonSQS.ReceiveMessage":
            most = int(asked.get("MaxNumberOfMessages", 1))
            wait = float(asked.get("WaitTimeSeconds", 0))
            if not (1 <= most <= 10 and 0 <= wait <= 20):
                return _refused(400, "InvalidParameterValue", "out of range")
            found = await user.queue.receive(most, wait)
            messages = [
                {
                    "MessageId": one.id,
                    "ReceiptHandle": one.receipt,
                    "MD5OfBody": hashlib.md5(one.body.encode()).hexdigest(),  # noqa: S324
                    "Body": one.body,
                }
                for one in found
            ]
            return JSONResponse({"Messages": messages} if messages else {}, media_type=KIND)
        case "AmazonSQS.DeleteMessage":
            session = user.session.id if user.session else None
            if not user.queue.delete(str(asked.get("ReceiptHandle")), session):
                return _refused(404, "ReceiptHandleIsInvalid", "unknown or old receipt")
            return JSONResponse({}, media_type=KIND)
        case _:
            return _refused(400, "InvalidAction", "unknown action")
