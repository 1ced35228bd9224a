"""What a test can make go wrong."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class RestFault(BaseModel):
    """Answers of the REST interface (or the queue) whose path contains *path*."""

    path: str
    status: int = 500
    body: Any = None
    times: int = 1
    delay: float = 0.0
    """Seconds before the answer; with status 0 the ordinary one follows."""
    method: str = ""


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
