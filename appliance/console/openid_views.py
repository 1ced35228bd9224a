"""The JSON shapes of the sign-in by OpenID Connect."""

from __future__ import annotations

from typing import Any, Self

from fastapi import Request
from pydantic import BaseModel

from appliance.console.openid.journey import BACK
from appliance.console.openid.sign_in import OpenIdSignIn
from appliance.console.state import console
from appliance.platforms.withheld import secrets_of, without_secrets


class OpenIdOut(BaseModel):
    """The settings as `PUT` takes them, but for the secret, which nobody reads."""

    settings: dict[str, Any]
    secrets_set: list[str]
    fault: str
    """Why what was saved is not used; else empty."""
    redirects: list[str]
    """The addresses to register at the provider, one for each name that the box is reached by."""

    @classmethod
    def of(cls, openid: OpenIdSignIn, redirects: list[str]) -> Self:
        """As it is."""
        return cls(
            settings=without_secrets(openid.settings),
            secrets_set=list(secrets_of(openid.settings)),
            fault=openid.fault,
            redirects=redirects,
        )


class OpenIdStepOut(BaseModel):
    """One step of the test: what was found, else what is wrong."""

    step: str
    passed: bool
    detail: str


class OpenIdCheckOut(BaseModel):
    """The steps up to the first that failed, and whether none did."""

    passed: bool
    steps: list[OpenIdStepOut]


async def redirects_of(request: Request) -> list[str]:
    """The name that is asked by first, then the box's others."""
    host = request.headers.get("host", "")
    port = host.rpartition(":")[2]
    tail = f":{port}" if port.isdecimal() and port not in ("80", "443") else ""
    names = await console(request).ports.certificates.reached_as()
    others = [f"[{name}]{tail}" if ":" in name else f"{name}{tail}" for name in names.all()]
    return [redirect_of(request, name) for name in dict.fromkeys((host, *others))]


def redirect_of(request: Request, host: str) -> str:
    """The address that the provider sends a browser back to, at one of the box's names."""
    return f"{'https' if console(request).settings.secure else 'http'}://{host}{BACK}"
