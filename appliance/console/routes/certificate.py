"""The certificate that the page is served with, requests for another, and believed authorities."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from appliance.console.access import DeviceManager
from appliance.console.certificate_views import (
    AuthoritiesOut,
    AuthorityIn,
    CertificateOut,
    RequestIn,
    RequestOut,
    UploadIn,
)
from appliance.console.settings import ConsoleError
from appliance.console.state import console

router = APIRouter(tags=["certificate"])


@router.get("/certificate")
async def certificate(request: Request, caller: DeviceManager) -> CertificateOut:
    """What is in use, where it came from, and the open request."""
    return await _now(request)


@router.put("/certificate")
async def upload(request: Request, caller: DeviceManager, body: UploadIn) -> CertificateOut:
    """Use a certificate from the next connection on; those that are open go on.

    With its private key, or without where it answers the open request. It is judged whole first.
    """
    await console(request).ports.certificates.install(caller.account.name, body.upload())
    return await _now(request)


@router.delete("/certificate")
async def go_back(request: Request, caller: DeviceManager) -> CertificateOut:
    """Forget the uploaded one with its key, and use the box's own again."""
    await console(request).ports.certificates.go_back(caller.account.name)
    return await _now(request)


@router.post("/certificate/request", status_code=201)
async def make_request(request: Request, caller: DeviceManager, body: RequestIn) -> RequestOut:
    """Make a key, which stays in the box, and a request (PKCS #10) for an authority."""
    keeper = console(request).ports.certificates
    return RequestOut.of(await keeper.request(caller.account.name, body.names, body.key))


@router.get("/certificate/request")
async def download_request(request: Request, caller: DeviceManager) -> Response:
    """The open request as a file (PEM)."""
    pending = console(request).ports.certificates.pending
    if pending is None:
        raise ConsoleError(404, "not_found", "No request is open.")
    return Response(
        pending.pem(),
        media_type="application/x-pem-file",
        headers={"Content-Disposition": 'attachment; filename="bargebox.csr"'},
    )


@router.delete("/certificate/request", status_code=204)
async def withdraw_request(request: Request, caller: DeviceManager) -> None:
    """Forget the open request with its key."""
    await console(request).ports.certificates.withdraw(caller.account.name)


@router.get("/certificate/authorities")
async def authorities(request: Request, caller: DeviceManager) -> AuthoritiesOut:
    """Authorities that are believed beside the system's, for connections to the call platform."""
    return _authorities(request)


@router.post("/certificate/authorities", status_code=201)
async def believe(request: Request, caller: DeviceManager, body: AuthorityIn) -> AuthoritiesOut:
    """Believe an authority (a root) from the next connection on."""
    await console(request).ports.authorities.add(caller.account.name, body.certificate)
    return _authorities(request)


@router.delete("/certificate/authorities/{fingerprint}")
async def forget(request: Request, caller: DeviceManager, fingerprint: str) -> AuthoritiesOut:
    """Believe the one of that SHA-256 no more."""
    await console(request).ports.authorities.remove(caller.account.name, fingerprint.upper())
    return _authorities(request)


async def _now(request: Request) -> CertificateOut:
    state = console(request)
    return await CertificateOut.of(state.ports.certificates, https=state.settings.secure)


def _authorities(request: Request) -> AuthoritiesOut:
    return AuthoritiesOut.of(console(request).ports.authorities)
