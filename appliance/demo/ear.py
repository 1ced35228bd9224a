"""The demo's ear in the browser: a process of its own that taps the virtual sound card.

Serves one small page and a WebSocket of raw PCM (mono, 48 kHz, signed 16 bit little-endian,
10 ms a message) on loopback. Neither process of the box serves audio.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from http import HTTPStatus
from pathlib import Path

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Origin

from appliance.service.tasks import deadly_task, stop_tasks

log = logging.getLogger(__name__)

WEB = Path(__file__).resolve().parents[2] / "web" / "ear"
FILES = {
    "/": ("ear.html", "text/html; charset=utf-8"),
    "/ear.js": ("ear.js", "text/javascript; charset=utf-8"),
    "/player.js": ("player.js", "text/javascript; charset=utf-8"),
    "/ear.css": ("ear.css", "text/css; charset=utf-8"),
}
BLOCK_BYTES = 960
MAX_UNSENT = 64 * 1024
"""Bytes that may wait for a slow browser (0.7 s); with more it is let go and may come again."""


class Ear:
    """Reads the card's ear once, for all browsers that listen."""

    def __init__(self, record_command: list[str], page_origin: str) -> None:
        self._command = record_command
        self._page_origin = page_origin
        self._listeners: set[ServerConnection] = set()
        self._files = {path: (WEB / name, kind) for path, (name, kind) in FILES.items()}
        self._contents = {
            path: (file.read_bytes(), kind) for path, (file, kind) in self._files.items()
        }

    async def record(self) -> None:
        """Read the tap for ever; a tap that ends (card unplugged) is begun again."""
        while True:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            assert process.stdout is not None
            try:
                while True:
                    block = await process.stdout.readexactly(BLOCK_BYTES)
                    self._drop_slow()
                    broadcast(self._listeners, block)
            except asyncio.IncompleteReadError:
                await asyncio.sleep(0.3)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    def _drop_slow(self) -> None:
        for listener in list(self._listeners):
            if listener.transport.get_write_buffer_size() > MAX_UNSENT:
                self._listeners.discard(listener)
                listener.transport.abort()

    async def listen(self, connection: ServerConnection) -> None:
        """One browser, until it goes."""
        self._listeners.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self._listeners.discard(connection)

    def respond(self, _connection: ServerConnection, request: Request) -> Response | None:
        """The page's files; None lets the WebSocket handshake go on."""
        if request.path == "/pcm":
            return None
        found = self._contents.get(request.path)
        body, kind = found if found else (b"not found\n", "text/plain")
        status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
        headers = Headers(
            {
                "Content-Type": kind,
                "Content-Length": str(len(body)),
                "Connection": "close",
                "Cache-Control": "no-store",
                "Content-Security-Policy": (
                    "default-src 'none'; script-src 'self'; style-src 'self'; "
                    f"connect-src 'self'; frame-ancestors {self._page_origin}"
                ),
                "X-Content-Type-Options": "nosniff",
            }
        )
        return Response(status.value, status.phrase, headers, body)


async def run(port: int, record_command: list[str], page_origin: str) -> None:
    """Serve until cancelled."""
    ear = Ear(record_command, page_origin)
    recorder = deadly_task(ear.record(), "ear tap")
    try:
        async with serve(
            ear.listen,
            "127.0.0.1",
            port,
            process_request=ear.respond,
            origins=[Origin(f"http://127.0.0.1:{port}")],
            compression=None,
            max_size=1024,
        ) as server:
            await server.serve_forever()
    finally:
        await stop_tasks(recorder)


def main() -> None:
    """``python -m appliance.demo.ear --port N --page-origin URL -- COMMAND …``"""
    parser = argparse.ArgumentParser(description="the demo's ear in the browser")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--page-origin", required=True)
    parser.add_argument("command", nargs="+", help="writes raw PCM to its standard output")
    chosen = parser.parse_args()
    asyncio.run(run(chosen.port, chosen.command, chosen.page_origin))


if __name__ == "__main__":
    main()
