"""ReceiveMessage and DeleteMessage: botocore knows the wire and the signature, httpx carries it.

botocore's own client would block a thread for the whole long poll; its parts block nothing.
"""

from __future__ import annotations

import asyncio
import functools
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import ResponseParserError, create_parser
from botocore.serialize import create_serializer

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.answers import QueueAccess
from appliance.platforms.cxengage.messages import MOST
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.rest import read_bounded
from appliance.platforms.cxengage.trust import untrusted
from appliance.platforms.protocol import PlatformError

USUAL_REGION = "us-east-1"
MOST_BYTES = 2 * MOST
GRACE_S = 5.0
"""Beyond the waiting at the queue itself."""


_UNREADABLE = (
    ResponseParserError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    RecursionError,
)
"""What botocore was seen to raise from parsing what is no answer of SQS."""


class CredentialsError(PlatformError):
    """The queue refuses our credentials: read new ones."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came; *receipt* deletes it."""

    id: str
    receipt: str
    body: str


class Sqs:
    """Access to one queue; `use` gives it place and credentials."""

    def __init__(self, client: httpx.AsyncClient, endpoint: str, oddities: Oddities) -> None:
        self._client = client
        self._endpoint = endpoint
        self._oddities = oddities
        self._model: Any = None
        self._access: QueueAccess | None = None
        self._region = USUAL_REGION

    def use(self, access: QueueAccess, region: str) -> None:
        """From now on. *region* counts where the queue's host names none."""
        self._access = access
        host = urlsplit(access.queue.url).hostname or ""
        named = re.match(r"(?:sqs\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.", host)
        usable = region if re.fullmatch(r"[a-z0-9-]{1,32}", region) else USUAL_REGION
        self._region = named[1] if named else usable

    async def receive(self, wait_s: int) -> list[Received]:
        """At most one message; waits for it up to *wait_s*. Raises `PlatformError`."""
        wanted = {"MaxNumberOfMessages": 1, "WaitTimeSeconds": wait_s}
        said = await self._call("ReceiveMessage", wanted, wait_s + GRACE_S)
        found: list[Received] = []
        messages = said.get("Messages")
        for one in messages[:10] if isinstance(messages, list) else ():
            fields = one if isinstance(one, dict) else {}
            match fields.get("MessageId"), fields.get("ReceiptHandle"), fields.get("Body"):
                case str(number), str(receipt), str(body):
                    found.append(Received(number, receipt, body))
                case _:
                    self._oddities.note("message", "without receipt or body")
        return found

    async def reach(self) -> None:
        """Whether anything answers there; takes nothing off the queue. Raises `PlatformError`."""
        if self._access is None:
            raise CredentialsError("The queue's credentials are not here yet.")
        try:
            async with (
                asyncio.timeout(GRACE_S),
                self._client.stream("GET", self._url(self._access)),
            ):
                return
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            raise unreached(error) from error

    def _url(self, access: QueueAccess) -> str:
        """Raises ``ValueError`` for a place that cannot be."""
        place = urlsplit(access.queue.url)
        _ = place.port  # looked at only now, and no connection could be made to some
        return self._endpoint or f"https://{place.netloc}/"

    async def delete(self, receipt: str) -> None:
        """Take a message off the queue. Raises `PlatformError`."""
        await self._call("DeleteMessage", {"ReceiptHandle": receipt}, GRACE_S)

    async def _call(self, operation: str, parameters: dict[str, Any], limit_s: float) -> Any:
        try:
            async with asyncio.timeout(limit_s):
                return await self._ask(operation, parameters)
        except TimeoutError as error:
            raise _lost("The queue of CxEngage does not answer in time; trying again.") from error

    async def _ask(self, operation: str, parameters: dict[str, Any]) -> Any:
        try:
            return await self._asked(operation, parameters)
        except ValueError as error:  # an address or credentials that cannot be sent
            self._oddities.note("place of the queue", "unusable")
            raise _lost("The queue of CxEngage is nowhere to be found; trying again.") from error

    async def _asked(self, operation: str, parameters: dict[str, Any]) -> Any:
        access = self._access
        if access is None:
            raise CredentialsError("The queue's credentials are not here yet.")
        if self._model is None:
            self._model = await asyncio.to_thread(_load)
        asked = self._model.operation_model(operation)
        parameters = {"QueueUrl": access.queue.url, **parameters}
        wire = create_serializer("json").serialize_to_request(parameters, asked)
        url = self._url(access)
        request = AWSRequest(wire["method"], url, dict(wire["headers"]), wire["body"])
        SigV4Auth(
            Credentials(
                access.credentials.access_key,
                access.credentials.secret_key.get_secret_value(),
                access.credentials.session_token.get_secret_value(),
            ),
            "sqs",
            self._region,
        ).add_auth(request)
        signed = request.prepare()
        headers = {
            name: value.decode() if isinstance(value, bytes) else str(value)
            for name, value in signed.headers.items()
        }
        try:
            async with self._client.stream(
                "POST", url, headers=headers, content=signed.body
            ) as response:
                raw = await read_bounded(response, MOST_BYTES)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreached(error) from error
        return self._understood(asked, response, raw)

    def _understood(self, asked: Any, response: httpx.Response, raw: bytes) -> Any:
        answer = {
            "status_code": response.status_code,
            "headers": dict(response.headers),
            "body": raw,
        }
        try:
            said = create_parser("json").parse(answer, asked.output_shape)
        except _UNREADABLE as error:
            self._oddities.note("answer of the queue", response.status_code)
            raise _lost("The queue of CxEngage answers something unknown; trying again.") from error
        said = said if isinstance(said, dict) else {}
        if response.status_code == httpx.codes.OK:
            return said
        told = said.get("Error")
        code = str(told.get("Code", "")) if isinstance(told, dict) else ""
        self._oddities.met(f"refusal of the queue ({response.status_code})", code)
        if response.status_code in (401, 403) or re.search("Token|Security|Signature|Auth", code):
            raise CredentialsError("The queue of CxEngage refuses the credentials; renewing them.")
        raise _lost(f"The queue of CxEngage refuses ({response.status_code}); trying again.")


@functools.cache
def _load() -> Any:
    return ServiceModel(Loader().load_service_model("sqs", "service-2"), "sqs")


def unreached(error: BaseException) -> PlatformError:
    """Why the queue does not answer."""
    return untrusted(error, "the queue of CxEngage") or _lost(
        "The queue of CxEngage cannot be reached; check the network."
    )


def _lost(detail: str) -> PlatformError:
    return PlatformError(detail, code=EndReason.PLATFORM_LOST)
