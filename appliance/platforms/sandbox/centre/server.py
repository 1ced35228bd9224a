"""The centre as a whole: it listens, and lets its tenant live."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen

from appliance.platforms.sandbox import wire
from appliance.platforms.sandbox.centre.admin import Admin
from appliance.platforms.sandbox.centre.call import Call
from appliance.platforms.sandbox.centre.connection import Connection
from appliance.platforms.sandbox.centre.exchange import Exchange
from appliance.platforms.sandbox.centre.life import Life
from appliance.platforms.sandbox.centre.settings import CentreSettings, Ready
from appliance.platforms.sandbox.centre.speech import load_lines
from appliance.service.errors import BargeboxError
from appliance.service.tasks import deadly_task, stop_tasks
from appliance.webrtc import allow_loopback

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 64
SECONDS_BETWEEN_PINGS = 10.0


class ListenError(BargeboxError):
    """The centre cannot listen where it is told to."""

    code = "cannot_listen"


async def serve(settings: CentreSettings, ready: Callable[[Ready], None]) -> None:
    """Be the contact centre until cancelled; *ready* is called once, when clients may come.

    Raises `SpeechError` without espeak-ng, `ListenError` when the port is taken.
    """
    # On a loopback address media stays on this machine as well as signalling does.
    allow_loopback(only=_is_loopback(settings.host))
    lines = await asyncio.to_thread(load_lines, settings.speech_directory)
    connections: set[Connection] = set()

    def changed(call: Call) -> None:
        for connection in connections:
            connection.call_changed(call)

    exchange = Exchange(settings, lines, changed)
    life = Life(exchange, settings.seed, settings.pace)
    admin = Admin(exchange, life)

    async def welcome(socket: ServerConnection) -> None:
        if len(connections) >= MOST_CONNECTIONS:
            await socket.close(1013, "too many connections")
            return
        connection = Connection(socket, settings, exchange, admin)
        connections.add(connection)
        try:
            await connection.serve()
        finally:
            connections.discard(connection)

    try:
        server = await listen(
            welcome,
            settings.host,
            settings.port,
            origins=[None],  # no page in a browser has business here
            compression=None,
            max_size=wire.MAX_REQUEST,
            ping_interval=SECONDS_BETWEEN_PINGS,
            close_timeout=1.0,
        )
    except OSError as error:
        raise ListenError(
            f"The sandbox cannot listen on {settings.host} port {settings.port}: {error}"
        ) from error
    watch = deadly_task(exchange.legs.watch(), "watch over legs")
    try:
        life.start(settings.lively)
        await life.set_listed(settings.listed, settings.changes_per_second)
        ready(_ready(settings, server.sockets[0].getsockname()[1]))
        await asyncio.get_running_loop().create_future()
    finally:
        await life.stop()
        await stop_tasks(watch)
        await exchange.legs.close()
        server.close()
        await server.wait_closed()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ready(settings: CentreSettings, port: int) -> Ready:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return Ready(
        url=f"ws://{host}:{port}",
        token=settings.token,
        admin_token=settings.admin_token,
        pid=os.getpid(),
    )
