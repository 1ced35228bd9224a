"""Serves the app over HTTP or HTTPS and stops in good order."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from appliance.console.connection import KEEP_ALIVE_S, Connection
from appliance.console.door import Door
from appliance.console.settings import ConsoleError, ConsoleSettings
from appliance.console.state import Console
from appliance.console.visitors import Visit

log = logging.getLogger(__name__)
GRACE = 3
"""Seconds that running answers get when the server stops."""
BACKLOG = 1024
"""Connections that may wait to be let in, which takes a moment each."""


class _Server(uvicorn.Server):
    """Lets connections in by its own door; ends the event streams before waiting for answers.

    Signals stay with the process.
    """

    def __init__(self, config: uvicorn.Config, console: Console, listener: socket.socket) -> None:
        super().__init__(config)
        self._console = console
        self._door = Door(listener, console.visitors)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the door once the app is there."""
        await super().startup(sockets)
        self._door.open(self._connection, self._tls if self._console.settings.secure else None)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams never end by themselves, so end them first."""
        self._door.close()
        self._console.hub.shut()
        await super().shutdown(sockets)

    def _tls(self) -> ssl.SSLContext:
        """That of now: a new certificate serves new connections and disturbs no other."""
        return self._console.ports.certificates.now.context

    def _connection(self, visit: Visit) -> Connection:
        return Connection(
            visit, self._console.visitors, self.config, self.server_state, self.lifespan.state
        )


async def serve(
    app: FastAPI,
    settings: ConsoleSettings,
    stop: asyncio.Event,
    *,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until *stop*; *ready* is told the address. Raises ConsoleError when it is taken."""
    listener = _listen(settings)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=32 * 1024,
    )
    server = _Server(config, app.state.console, listener)
    running = asyncio.create_task(server.serve([]), name="console server")
    stopping = asyncio.create_task(stop.wait(), name="console stop")
    try:
        if ready is not None:
            ready(address(settings, listener))
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        stopping.cancel()
        await running
        listener.close()


def address(settings: ConsoleSettings, listener: socket.socket) -> str:
    """The page's address, for people."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
    return f"{'https' if settings.secure else 'http'}://{host}:{port}"


def _listen(settings: ConsoleSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConsoleError(
            500,
            "address_taken",
            f"Cannot serve the page at {settings.host} port {settings.port}: {error.strerror}. "
            "Stop the other program or set another port.",
        ) from error
    listener.setblocking(False)
    return listener
