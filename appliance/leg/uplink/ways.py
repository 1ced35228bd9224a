"""The way of a datagram to the address that ICE has chosen: a socket, or a relay (TURN)."""

from __future__ import annotations

import fcntl
import logging
import struct
import threading
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from aioice.ice import CandidatePair

log = logging.getLogger(__name__)

RELAY = "_TurnTransport__inner_protocol"
SIOCOUTQNSD = 0x894B
"""Linux's, which Python does not name."""


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
        if threading.get_ident() != self._loop_s_thread or self._would_wait():
            return
        channel = self._relay.peer_to_channel.get(self._address)
        if channel is not None:
            self._relay._send(struct.pack("!HH", channel, len(data)) + data)

    def _would_wait(self) -> bool:
        """Whether something is left of what was given before: it would leave when a line that
        stands still goes on, whatever was muted meanwhile.
        """
        transport = self._relay.transport
        if transport.is_closing() or transport.get_write_buffer_size():
            return True
        return unsent(transport.get_extra_info("socket")) > 0

    def close(self) -> None:
        """aioice goes on using it."""


def unsent(socket: Any) -> int:
    """Bytes that a TCP socket has not sent at all yet (tcp(7)); 0 of another kind."""
    if socket.type != SOCK_STREAM:
        return 0
    (count,) = struct.unpack("i", fcntl.ioctl(socket.fileno(), SIOCOUTQNSD, bytes(4)))
    return int(count)


def way_over(pair: CandidatePair) -> Way:
    """For what ICE has chosen; call it on the loop."""
    behind = pair.protocol.transport.get_extra_info("socket")
    return RelayWay(pair) if behind is None else SocketWay(pair)
