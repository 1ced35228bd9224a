"""What a test can make go wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

PIECE = b" " * 65_536


class RestFault(BaseModel):
    """Answers of the REST interface (or the queue) whose path contains *path*."""

    path: str
    status: int = 500
    body: Any = None
    times: int = 1
    delay: float = 0.0
    """Seconds before the answer; with status 0 the ordinary one follows."""
    method: str = ""
    size: int = 0
    """Bytes of blanks before the body."""
    packed: bool = False
    """The whole is sent packed, whatever the client accepts."""

    def answer(self) -> Response:
        """What is answered instead of the ordinary."""
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        kind = "application/json"
        if self.packed:
            whole = gzip.compress(PIECE * (self.size // len(PIECE)) + text.encode())
            return Response(whole, self.status, {"content-encoding": "gzip"}, kind)

        def pieces() -> Iterator[bytes]:
            for _ in range(self.size // len(PIECE)):
                yield PIECE
            yield text.encode()

        return StreamingResponse(pieces(), self.status, media_type=kind)


class Faults(BaseModel):
    """All off at first; the control door replaces them as a whole."""

    rest: list[RestFault] = []
    kebab: bool = False
    duplicates: bool = False
    message_delay: float = 0.0
    no_start_event: bool = False
    no_end_event: bool = False
    no_leg_hangup: bool = False
    cancel_before_answer: bool = False
    no_invite: bool = False
    no_mid: bool = False
    voice_refuses: bool = False
    """The voice gateway takes no token."""
    refusal: str = "status"
    """For a flow without silent monitoring: ``status`` or ``silence``."""
    ignore_hangup: bool = False
    """A leg's hang-up by the client does not end the monitoring."""

    def rest_fault(self, method: str, path: str) -> RestFault | None:
        """The fault for this request, used up by one."""
        for fault in self.rest:
            fits = fault.path in path and fault.method in ("", method)
            if fault.times > 0 and fits:
                fault.times -= 1
                return fault
        return None
