"""Encryption (SRTP, RFC 3711) for two threads: aiortc's session has one buffer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiortc import RTCDtlsTransport

SESSION = "_tx_srtp"


class LockedSession:
    """Stands in for what the transport sends with: sound in one thread, RTCP on the loop."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._lock = threading.Lock()

    def protect(self, packet: bytes) -> bytes:
        """As pylibsrtp's."""
        with self._lock:
            protected: bytes = self._session.protect(packet)
        return protected

    def protect_rtcp(self, packet: bytes) -> bytes:
        """As pylibsrtp's."""
        with self._lock:
            protected: bytes = self._session.protect_rtcp(packet)
        return protected


def locked(transport: RTCDtlsTransport) -> LockedSession:
    """The session of a connected *transport*, from now on locked for aiortc too."""
    kept = vars(transport)
    if not isinstance(kept[SESSION], LockedSession):
        kept[SESSION] = LockedSession(kept[SESSION])
    session: LockedSession = kept[SESSION]
    return session
