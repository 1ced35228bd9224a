"""Clients of the virtual panel's socket: a finger and an eye for tests, benches and the page."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict

from appliance.control_link.words import Button, LampPattern
from appliance.panel.errors import PanelError
from appliance.panel.patterns import Lamp

TIMEOUT_S = 5.0
TAP_MS = 80.0
MAX_EVENTS = 10_000


class LampEvent(BaseModel):
    """A lamp shows *pattern*, at the moment *level* (0.0 to 1.0), since *at* (monotonic clock)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lamp: Lamp
    pattern: LampPattern
    level: float
    at: float


class VirtualPanelClient:
    """A blocking client. Lamp events wait in a bounded queue; the oldest is dropped when full.

    Closing it (or leaving its ``with``) releases the buttons it holds.
    """

    def __init__(self, path: Path, timeout: float = TIMEOUT_S) -> None:
        """Connect. Raises `PanelError` when nobody serves the socket."""
        self._events: queue.Queue[LampEvent | None] = queue.Queue(MAX_EVENTS)
        self._latest: dict[Lamp, LampEvent] = {}
        self._changed = threading.Condition()
        self.errors: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(os.fspath(path))
        except OSError as error:
            self._socket.close()
            raise _unreachable(path, error) from error
        self._lines = self._socket.makefile("rb")
        self._socket.settimeout(None)
        self._reader = threading.Thread(target=self._read, name="panel-client", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(TIMEOUT_S)
        self._lines.close()
        self._socket.close()

    def press(self, button: Button) -> float:
        """Push and hold; returns the moment, seconds of the monotonic clock."""
        return self._send(button, down=True)

    def release(self, button: Button) -> float:
        """Let go; returns the moment, seconds of the monotonic clock."""
        return self._send(button, down=False)

    def tap(self, button: Button, ms: float = TAP_MS) -> float:
        """Push for so many milliseconds; returns the moment of the push."""
        at = self.press(button)
        time.sleep(ms / 1000)
        self.release(button)
        return at

    def lamp(self, lamp: Lamp) -> LampEvent | None:
        """What the lamp showed last."""
        return self._latest.get(lamp)

    def wait_for(self, lamp: Lamp, pattern: LampPattern, timeout: float = TIMEOUT_S) -> LampEvent:
        """Wait until the lamp shows *pattern*. Raises `PanelError` when it does not in time."""

        def shown() -> bool:
            latest = self._latest.get(lamp)
            return latest is not None and latest.pattern is pattern

        with self._changed:
            if self._changed.wait_for(shown, timeout):
                return self._latest[lamp]
            raise PanelError(
                f"The {lamp} lamp does not show {pattern} after {timeout:g} s, "
                f"but: {self._latest.get(lamp)}."
            )

    def events(self, timeout: float = TIMEOUT_S) -> Iterator[LampEvent]:
        """Lamp events as they come; ends after *timeout* seconds without one, or at the close."""
        with suppress(queue.Empty):
            while (event := self._events.get(timeout=timeout)) is not None:
                yield event

    def _send(self, button: Button, *, down: bool) -> float:
        at = time.monotonic()
        try:
            self._socket.sendall(_button_line(button, down))
        except OSError as error:
            raise PanelError(f"The virtual panel is gone: {error}.") from error
        return at

    def _read(self) -> None:
        with suppress(OSError):
            for line in self._lines:
                fields = json.loads(line)
                if "error" in fields:
                    self.errors.append(str(fields["error"]))
                    continue
                event = LampEvent.model_validate(fields)
                with self._changed:
                    self._latest[event.lamp] = event
                    self._changed.notify_all()
                self._put(event)
        self._put(None)

    def _put(self, event: LampEvent | None) -> None:
        if self._events.full():
            with suppress(queue.Empty):
                self._events.get_nowait()
        self._events.put_nowait(event)


class AsyncVirtualPanel:
    """Presses buttons from an event loop, over one connection that is made when needed.

    The connection is kept, because a button is released when its presser's connection ends.
    Lamp events are read and dropped: an event loop has them from the control link.
    """

    def __init__(self, path: Path, timeout: float = TIMEOUT_S) -> None:
        self._path = path
        self._timeout = timeout
        self._connecting = asyncio.Lock()
        self._transport: asyncio.Transport | None = None

    async def press(self, button: Button, down: bool) -> None:
        """Push or let go. Raises `PanelError` when nobody serves the socket."""
        async with self._connecting:
            if self._transport is None or self._transport.is_closing():
                self._transport = await self._connect()
            self._transport.write(_button_line(button, down))

    async def tap(self, button: Button, ms: float = TAP_MS) -> None:
        """Push for so many milliseconds."""
        await self.press(button, True)
        try:
            await asyncio.sleep(ms / 1000)
        finally:
            await self.press(button, False)

    def close(self) -> None:
        """Disconnect; what is held is released."""
        if self._transport is not None:
            self._transport.close()

    async def _connect(self) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                transport, _ = await loop.create_unix_connection(
                    asyncio.Protocol, os.fspath(self._path)
                )
        except OSError as error:  # TimeoutError too
            raise _unreachable(self._path, error) from error
        return transport


def _button_line(button: Button, down: bool) -> bytes:
    return json.dumps({"button": button, "down": down}).encode() + b"\n"


def _unreachable(path: Path, error: OSError) -> PanelError:
    return PanelError(
        f"The virtual panel at {path} cannot be reached ({error}); "
        "it is there while `bargebox leg` runs on the virtual board."
    )
