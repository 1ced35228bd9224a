"""What can go wrong in SIP."""

from __future__ import annotations

from appliance.service.errors import BargeboxError


class SipError(BargeboxError):
    """A message that cannot be used, a refusal, or no answer; ``status`` where one was given."""

    def __init__(self, detail: str, *, status: int = 0) -> None:
        super().__init__(detail)
        self.status = status


class SipUntrustedError(SipError):
    """The server's certificate is not to be trusted, or it speaks no TLS."""
