"""What can go wrong with the server, beyond what every platform knows."""

from __future__ import annotations

from appliance.platforms.protocol import PlatformError


class SignInError(PlatformError):
    """The server does not let us in."""


class NotFoundError(PlatformError):
    """What was asked for is not there (any more)."""


class UntrustedError(PlatformError):
    """The server's certificate is not to be trusted, or it speaks no TLS."""


class RefusedError(PlatformError):
    """The server understood, and does not do what was asked."""
