"""Messages that follow from another message alone: responses, ACK and CANCEL."""

from __future__ import annotations

from appliance.platforms.sip.dialog import REASONS, SDP, Dialog
from appliance.platforms.sip.message import Message, parameter

ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, NOTIFY, UPDATE")


def response_to(request: Message, status: int, tag: str, sdp: str, contact: str) -> Message:
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
    ]
    if sdp:
        headers.append(("Content-Type", SDP))
    return Message(status=status, reason=REASONS.get(status, "No"), headers=headers, body=sdp)


def ack_of_success(dialog: Dialog, invite: Message, via: str) -> Message:
    """A transaction of its own (RFC 3261 section 13.2.2.4)."""
    headers = [
        ("Via", via),
        *(("Route", route) for route in dialog.routes),
        ("From", dialog.local),
        ("To", dialog.remote),
        ("Call-ID", dialog.call_id),
        ("CSeq", f"{invite.cseq[0]} ACK"),
        ("Max-Forwards", "70"),
    ]
    return Message("ACK", dialog.target, headers=headers)


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
