"""The virtual board's panel: its buttons and lamps on a Unix socket, one JSON object a line.

A client sends ``{"button": "microphone"|"hang_up", "down": true|false}`` and hears
``{"lamp": "microphone"|"status", "pattern": …, "level": 0.0..1.0, "at": seconds}``: both lamps
on connecting, then every change (a breathing lamp ten times a second). A bad line is answered
with ``{"error": …}``. A button is held by the client that pressed it, and is released when that
client goes: a finger that has died does not keep a microphone open.

One thread serves all clients and drives the contacts itself, past every event loop: the button
works while everything else in the box is dead or slow, as a real one does.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import socket
import stat
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, StrictBool, ValidationError

from appliance.control_link.words import Button, LampPattern
from appliance.panel.errors import PanelError
from appliance.panel.lamps import LampChange
from appliance.panel.patterns import Lamp

log = logging.getLogger(__name__)

MAX_LINE = 1024
MAX_CLIENTS = 8
MAX_UNSENT = 64 * 1024
"""Bytes a client may leave unread; a slower one is disconnected."""
MAX_CHANGES = 1000
"""Lamp changes waiting for the socket thread; the oldest is dropped."""
BREATH_EVERY_S = 0.095
LONGEST_SLEEP_S = 1.0
STOP_S = 2.0


def _line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


TOO_LONG = _line(error=f"The line is longer than {MAX_LINE} bytes.")


class ButtonLine(BaseModel):
    """What a client may send."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    button: Button
    down: StrictBool


class _Client:
    """One connection: what it sent of a line, what it has not read yet, what it holds down."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.unread = b""
        self.unsent = bytearray()
        self.holds: set[Button] = set()


class VirtualPanelSocket:
    """Serves the socket. *drive(button, down)* moves a contact and returns when it has moved.

    *inherited* is the listening socket where the service manager made it and keeps it.
    """

    def __init__(
        self,
        path: Path,
        drive: Callable[[Button, bool], None],
        inherited: socket.socket | None = None,
    ) -> None:
        self._path = path
        self._drive = drive
        self._clients: dict[socket.socket, _Client] = {}
        self._changes: deque[LampChange] = deque(maxlen=MAX_CHANGES)
        self._told: dict[Lamp, LampChange] = {}
        self._shown: dict[Lamp, bytes] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._listening = inherited
        self._made_here = inherited is None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="virtual-panel", daemon=True)

    def start(self) -> None:
        """Listen. Raises `PanelError` when the socket cannot be made."""
        self._listening = listening = self._listening or _listen(self._path)
        listening.setblocking(False)
        self._selector.register(listening, selectors.EVENT_READ)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        """Tell the last lamp changes, release what is held, close everything."""
        self._stopping = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join(STOP_S)
        for client in list(self._clients.values()):
            self._drop(client)
        if self._listening is not None:
            self._listening.close()
            if self._made_here:
                self._path.unlink(missing_ok=True)
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def well(self) -> bool:
        """The socket thread is alive."""
        return self._thread.is_alive()

    def lamp_changed(self, change: LampChange) -> None:
        """A lamp changed (any thread, in order); never waits."""
        told = self._told.get(change.lamp)
        if (
            told is not None
            and told.pattern is change.pattern is LampPattern.SLOW_BREATHE
            and change.at - told.at < BREATH_EVERY_S
        ):
            return
        self._told[change.lamp] = change
        self._changes.append(change)
        self._wake()

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # full: it is going to wake anyway
            self._wake_in.send(b"\0")

    def _run(self) -> None:
        while not self._stopping:
            for key, events in self._selector.select(LONGEST_SLEEP_S):
                if key.fileobj is self._listening:
                    self._accept(self._listening)
                elif key.fileobj is self._wake_out:
                    self._wake_out.recv(4096)
                else:
                    self._serve(key.data, events)
            self._tell_changes()
        self._tell_changes()  # the lamps' last change, made just before the stop

    def _tell_changes(self) -> None:
        while self._changes:
            change = self._changes.popleft()
            self._shown[change.lamp] = line = _line(
                lamp=change.lamp, pattern=change.pattern, level=change.level, at=change.at
            )
            for client in list(self._clients.values()):
                self._send(client, line)

    def _accept(self, listening: socket.socket) -> None:
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # the client went again before it was let in
        connection.setblocking(False)
        if len(self._clients) >= MAX_CLIENTS:
            with connection, suppress(OSError):
                connection.send(_line(error="Too many clients; close another one first."))
            return
        client = self._clients[connection] = _Client(connection)
        self._selector.register(connection, selectors.EVENT_READ, client)
        for line in self._shown.values():
            self._send(client, line)

    def _serve(self, client: _Client, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._send(client, b"")
        if events & selectors.EVENT_READ and client.connection in self._clients:
            try:
                data = client.connection.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._drop(client)
                return
            *lines, client.unread = (client.unread + data).split(b"\n")
            for line in lines:
                self._obey(client, line)
            if len(client.unread) > MAX_LINE:
                self._send(client, TOO_LONG)
                self._drop(client)

    def _obey(self, client: _Client, line: bytes) -> None:
        if client.connection not in self._clients:
            return  # dropped over an earlier line: it can hold nothing any more
        if len(line) > MAX_LINE:
            self._send(client, TOO_LONG)
            return
        try:
            asked = ButtonLine.model_validate_json(line)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, fault["loc"])) or "line"
            self._send(client, _line(error=f"{where}: {fault['msg']}"))
            return
        if asked.down:
            client.holds.add(asked.button)
        else:
            client.holds.discard(asked.button)
        self._drive(asked.button, asked.down)

    def _send(self, client: _Client, data: bytes) -> None:
        if client.connection not in self._clients:
            return
        client.unsent += data
        try:
            with suppress(BlockingIOError):
                while client.unsent:
                    del client.unsent[: client.connection.send(client.unsent)]
        except OSError:
            self._drop(client)
            return
        if len(client.unsent) > MAX_UNSENT:
            log.warning("a client of the virtual panel does not read; disconnected")
            self._drop(client)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
        self._selector.modify(client.connection, wanted, client)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.connection, None) is None:
            return
        self._selector.unregister(client.connection)
        client.connection.close()
        for button in client.holds:
            if not any(button in other.holds for other in self._clients.values()):
                self._drive(button, False)


def _listen(path: Path) -> socket.socket:
    """A listening socket at *path*, in place of one that a former process left behind."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
                if other.connect_ex(os.fspath(path)) == 0:
                    raise PanelError(f"Another process serves {path}; stop it first.")
            path.unlink()
        listening.bind(os.fspath(path))
        path.chmod(0o660)
        listening.listen(MAX_CLIENTS)
    except OSError as error:
        listening.close()
        raise PanelError(f"The virtual panel's socket {path} cannot be made: {error}.") from error
    except PanelError:
        listening.close()
        raise
    return listening
