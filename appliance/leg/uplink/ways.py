"""The way of a datagram to the address that ICE has chosen: a socket, or a relay (TURN)."""

from __future__ import annotations

import logging
import struct
import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from aioice.ice import CandidatePair

log = logging.getLogger(__name__)

RELAY = "_TurnTransport__inner_protocol"


class Way(Protocol):
    """Sends at once or not at all: what cannot leave now is lost, as on the line."""

    anywhere: bool
    """Whether it sends in any thread, or on the loop only."""

    def send(self, data: bytes) -> None:
        """Never waits."""

    def close(self) -> None:
        """`send` must not be running, and is not called again."""


class SocketWay:
    """A descriptor of its own for the socket that aioice has."""

    anywhere = True

    def __init__(self, pair: CandidatePair) -> None:
        self._socket = pair.protocol.transport.get_extra_info("socket").dup()
        self._socket.setblocking(False)
        self._address = pair.remote_addr

    def send(self, data: bytes) -> None:
        """See `Way`."""
        try:
            self._socket.sendto(data, self._address)
        except OSError as error:  # no room, no route
            log.debug("a packet was not sent: %s", error)

    def close(self) -> None:
        """See `Way`."""
        self._socket.close()


class RelayWay:
    """Channel data (RFC 8656 section 12.4); made on the loop, and sends there.

    aioice would wait for the channel to be bound anew every few minutes, and send what was spoken
    long after a mute. It is bound by the STUN checks, and RTCP goes on renewing it.
    """

    anywhere = False

    def __init__(self, pair: CandidatePair) -> None:
        self._relay: Any = vars(pair.protocol.transport)[RELAY]
        self._address = pair.remote_addr
        self._loop_s_thread = threading.get_ident()

    def send(self, data: bytes) -> None:
        """See `Way`. Nothing in another thread, which may have begun before ICE came here."""
        if threading.get_ident() != self._loop_s_thread:
            return
        channel = self._relay.peer_to_channel.get(self._address)
        if channel is not None and not self._relay.transport.is_closing():
            self._relay._send(struct.pack("!HH", channel, len(data)) + data)

    def close(self) -> None:
        """aioice goes on using it."""


def way_over(pair: CandidatePair) -> Way:
    """For what ICE has chosen; call it on the loop."""
    behind = pair.protocol.transport.get_extra_info("socket")
    return RelayWay(pair) if behind is None else SocketWay(pair)
