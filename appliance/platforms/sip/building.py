"""Messages that follow from another message or a dialog alone."""

from __future__ import annotations

import re

from appliance.platforms.sip import timer
from appliance.platforms.sip.dialog import SDP, Dialog
from appliance.platforms.sip.message import Headers, Message, address, parameter

ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, NOTIFY, UPDATE")
REASONS = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    400: "Bad Request",
    405: "Method Not Allowed",
    415: "Unsupported Media Type",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
}
_PROOFS = ("authorization", "proxy-authorization")


def response_to(
    request: Message, status: int, tag: str, sdp: str, contact: str, extra: Headers | None = None
) -> Message:
    """A response (RFC 3261 section 8.2.6); *tag* where the request's To has none yet."""
    headers = [("Via", via) for via in request.all("Via")]
    if request.method == "INVITE":
        headers += [("Record-Route", route) for route in request.all("Record-Route")]
    to = request.get("To")
    if tag and not parameter(to, "tag"):
        to += f";tag={tag}"
    headers += [
        ("From", request.get("From")),
        ("To", to),
        ("Call-ID", request.get("Call-ID")),
        ("CSeq", request.get("CSeq")),
        ("Contact", contact),
        ALLOW,
        *(extra or []),
    ]
    if sdp:
        headers.append(("Content-Type", SDP))
    return Message(status=status, reason=REASONS.get(status, "No"), headers=headers, body=sdp)


def inside(dialog: Dialog) -> tuple[str, Headers]:
    """URI and headers of a request in a dialog (RFC 3261 section 12.2.1.1)."""
    uri, routes = dialog.target, list(dialog.routes)
    if routes and not re.search(r";lr(?:[;=]|$)", address(routes[0]), re.IGNORECASE):
        routes.append(f"<{uri}>")  # a strict router of old
        uri = address(routes.pop(0))
    headers = [("From", dialog.local), ("To", dialog.remote), ("Call-ID", dialog.call_id)]
    return uri, [*headers, *(("Route", route) for route in routes)]


def ack_of_success(dialog: Dialog, invite: Message, via: str) -> Message:
    """A transaction of its own, signed as the INVITE was (RFC 3261 section 13.2.2.4)."""
    uri, headers = inside(dialog)
    headers = [("Via", via), *headers, *_proofs(invite)]
    headers += [("CSeq", f"{invite.cseq[0]} ACK"), ("Max-Forwards", "70")]
    return Message("ACK", uri, headers=headers)


def ack_of_refusal(invite: Message, response: Message) -> Message:
    """In the INVITE's own transaction (RFC 3261 section 17.1.1.3)."""
    headers = [("Via", invite.get("Via")), ("From", invite.get("From"))]
    headers += [("Route", route) for route in invite.all("Route")]
    headers += [("To", response.get("To")), ("Call-ID", invite.get("Call-ID"))]
    headers += [("CSeq", f"{invite.cseq[0]} ACK"), ("Max-Forwards", "70")]
    return Message("ACK", invite.uri, headers=headers)


def cancel_of(invite: Message) -> Message:
    """Of the same branch as its INVITE (RFC 3261 section 9.1)."""
    kept = ("via", "from", "to", "call-id", "max-forwards", "route")
    headers = [(key, value) for key, value in invite.headers if key.lower() in kept]
    headers.append(("CSeq", f"{invite.cseq[0]} CANCEL"))
    return Message("CANCEL", invite.uri, headers=headers)


def unsupported(request: Message) -> Headers:
    """Extensions that are required and that we do not have (RFC 3261 section 8.2.2.3)."""
    return [("Unsupported", name) for name in sorted(request.tokens("Require") - {timer.OPTION})]


def _proofs(request: Message) -> Headers:
    return [(key, value) for key, value in request.headers if key.lower() in _PROOFS]
