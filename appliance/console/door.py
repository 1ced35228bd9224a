"""Lets connections in. Each has its place from the first moment, before it says a word.

asyncio's own server gives TLS handshakes a minute, counts them nowhere, and takes a process that
has run out of descriptors for a fault.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial

from appliance.console.visitors import TELL_EVERY_S, Visit, Visitors

log = logging.getLogger(__name__)

HANDSHAKE_S = 10.0
GOODBYE_S = 30.0
"""For the rest of an answer and TLS's last words."""
AT_ONCE = 8
"""Connections let in before everything else has its turn."""
PAUSE_S = 0.1
SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Door:
    """Accepts from *listener*, which must not block. Use it on the running loop."""

    def __init__(self, listener: socket.socket, visitors: Visitors) -> None:
        self._listener, self._visitors = listener, visitors
        self._loop = asyncio.get_running_loop()
        self._greeting: set[asyncio.Task[object]] = set()
        self._is_open = False
        self._told = -TELL_EVERY_S

    def open(
        self,
        make: Callable[[Visit], asyncio.Protocol],
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """Let connections in; *make* gives each its protocol, *tls* its encryption."""
        self._make, self._tls = make, tls
        self._is_open = True
        self._listen()

    def close(self) -> None:
        """Let nobody in any more, those in the handshake included."""
        self._is_open = False
        self._loop.remove_reader(self._listener)
        for task in self._greeting:
            task.cancel()

    def _listen(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:  # of the network, or no descriptor or no memory left
                self._complain(error)
                if error.errno in SCARCE:
                    self._visitors.make_room()
                self._loop.remove_reader(self._listener)
                self._loop.call_later(PAUSE_S, self._listen)
                return
            connection.setblocking(False)
            # asyncio does so only where a socket names its protocol. Else the body of an answer
            # waits for the head's acknowledgement, which many delay by 40 ms (RFC 1122, 4.2.3.4).
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._let_in(connection, (address[0], address[1]))

    def _complain(self, error: OSError) -> None:
        now = self._loop.time()
        if now - self._told >= TELL_EVERY_S:
            self._told = now
            log.error("connections to the page cannot be accepted: %s", error)

    def _let_in(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        visit = self._visitors.enter(peer)
        if visit is None:
            connection.close()
            return
        task: asyncio.Task[object] = self._loop.create_task(
            self._loop.connect_accepted_socket(
                partial(self._make, visit),
                connection,
                ssl=self._tls() if self._tls else None,
                ssl_handshake_timeout=HANDSHAKE_S if self._tls else None,
                ssl_shutdown_timeout=GOODBYE_S if self._tls else None,
            ),
            name="console greeting",
        )
        visit.end = task.cancel
        self._greeting.add(task)
        task.add_done_callback(partial(self._greeted, connection, visit))

    def _greeted(self, connection: socket.socket, visit: Visit, task: asyncio.Task[object]) -> None:
        self._greeting.discard(task)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None:
            self._visitors.leave(visit)
            connection.close()
        if isinstance(error, OSError):
            log.debug("no TLS with %s: %s", visit.peer[0], error)
        elif error is not None:
            raise error
