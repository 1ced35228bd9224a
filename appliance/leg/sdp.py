"""Session descriptions (RFC 8866): what aiortc leaves out of them."""

from __future__ import annotations


def offer_error_correction(sdp: str) -> str:
    """*sdp* with Opus' in-band error correction asked for (RFC 7587 section 6.1).

    aiortc writes no fmtp line for Opus, and without it a peer sends no such copies.
    """
    lines = sdp.splitlines()
    out: list[str] = []
    for line in lines:
        out.append(line)
        if line.startswith("a=rtpmap:") and line.lower().endswith("opus/48000/2"):
            payload_type = line.removeprefix("a=rtpmap:").split()[0]
            if not any(other.startswith(f"a=fmtp:{payload_type} ") for other in lines):
                out.append(f"a=fmtp:{payload_type} minptime=10;useinbandfec=1")
    return "\r\n".join(out) + "\r\n"
