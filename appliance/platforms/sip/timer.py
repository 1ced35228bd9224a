"""Session timers (RFC 4028): a call that neither side refreshes in time is over."""

from __future__ import annotations

import re
from dataclasses import dataclass

from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Headers, Message, parameter, split

OPTION = "timer"
TOO_BRIEF = 422
LEAST_S, MOST_S = 2, 86400
"""Whatever another side says, we refresh neither more nor less often."""
SUPPORTED = ("Supported", OPTION)
_SECONDS = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How long a call lasts without a refresh, and who makes it."""

    interval_s: int
    we_refresh: bool

    @property
    def patience_s(self) -> float:
        """Seconds until the one who refreshes does so, or the other one hangs up (section 10)."""
        if self.we_refresh:
            return self.interval_s / 2
        return self.interval_s - min(32.0, self.interval_s / 3)


def seconds(value: str) -> int | None:
    """The number before the parameters of a header, within our bounds."""
    text = split(value, ";")[0]
    return min(max(int(text), LEAST_S), MOST_S) if _SECONDS.fullmatch(text) else None


def asked(interval_s: int, minimum_s: int, we_refresh: bool | None) -> Headers:
    """What a request of ours says; None leaves it to the other side who refreshes."""
    role = {None: "", True: ";refresher=uac", False: ";refresher=uas"}[we_refresh]
    return [
        SUPPORTED,
        ("Session-Expires", f"{max(interval_s, minimum_s)}{role}"),
        ("Min-SE", str(minimum_s)),
    ]


def agreed(response: Message) -> Agreement | None:
    """What the 2xx to a request of ours says; None: the call lasts until somebody ends it."""
    value = response.get("Session-Expires")
    if (interval := seconds(value)) is None:
        return None
    return Agreement(interval, parameter(value, "refresher").lower() != "uas")


def answered(request: Message, minimum_s: int) -> tuple[Agreement | None, Headers]:
    """What we say to a request. Raises `SipError` (422) when it asks for too little.

    Who has no wish refreshes by itself; who knows no session timers leaves it to us.
    """
    value = request.get("Session-Expires")
    if (interval := seconds(value)) is None:
        return None, [SUPPORTED]
    knows = OPTION in request.tokens("Supported")
    if interval < minimum_s and knows:
        raise SipError("The call is to be refreshed too often.", status=TOO_BRIEF)
    role = parameter(value, "refresher").lower() if knows else "uas"
    role = "uas" if role == "uas" else "uac"
    headers = [SUPPORTED, ("Session-Expires", f"{interval};refresher={role}")]
    if role == "uac":
        headers.append(("Require", OPTION))
    return Agreement(interval, role == "uas"), headers
