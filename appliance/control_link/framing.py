"""Lines on the control link: one JSON object each, bounded in length, checked on arrival.

Both sides use a `Channel`; the leg serves with ``asyncio.start_unix_server(..., limit=MAX_LINE)``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from appliance.control_link.base import MAX_LINE, Message
from appliance.service.errors import BargeboxError

MAX_UNSENT = 4 * MAX_LINE
"""Bytes that may wait for a slow reader; with more the link is given up, never the memory."""

MAX_WORDS = 200
"""Characters of what is wrong with a message."""

CLOSE_LIMIT_S = 1.0

Incoming = TypeVar("Incoming", covariant=True)


class LinkError(BargeboxError):
    """The other side sent what is no message, or does not read; the connection must be closed."""

    code = "link_garbled"


def encode(message: Message) -> bytes:
    """One line, newline included. Raises `LinkError` for a message longer than `MAX_LINE`."""
    line = message.model_dump_json().encode() + b"\n"
    if len(line) > MAX_LINE:
        raise LinkError(f"A message of {len(line)} bytes is longer than the {MAX_LINE} allowed.")
    return line


def decode(line: bytes, incoming: TypeAdapter[Incoming]) -> Incoming:
    """The message in *line*. Raises `LinkError` that names the place, never the content."""
    try:
        return incoming.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "line"
        words = first["msg"][:MAX_WORDS]  # it would list every type that there is
        raise LinkError(f"Not a control link message: {where}: {words}.") from None


class Channel(Generic[Incoming]):
    """One end of an open control link. *incoming* is `any_event` or `any_command`."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        incoming: TypeAdapter[Incoming],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._incoming = incoming

    async def receive(self) -> Incoming | None:
        """The next message; ``None`` when the other side closed. Raises `LinkError`."""
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise LinkError(f"A line is longer than the {MAX_LINE} bytes allowed.") from None
        except asyncio.IncompleteReadError as cut:
            if cut.partial:
                raise LinkError("The last line was cut off in the middle.") from None
            return None
        except ConnectionError:
            return None
        return decode(line, self._incoming)

    def send(self, message: Message) -> None:
        """Queue *message* in order. Raises `LinkError` when the other side does not read."""
        line = encode(message)
        if self._writer.is_closing():
            raise LinkError("The connection is closed.")
        if self.unsent + len(line) > MAX_UNSENT:
            raise LinkError("The other side does not read what is sent to it.")
        self._writer.write(line)

    @property
    def unsent(self) -> int:
        """Bytes that wait for the other side to read."""
        return self._writer.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close both directions; what could not be sent within a second is dropped."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except ConnectionError:
            return


async def connect(path: Path, incoming: TypeAdapter[Incoming]) -> Channel[Incoming]:
    """Open the link at the Unix socket *path*. Raises ``OSError`` when nobody listens."""
    reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE)
    return Channel(reader, writer, incoming)
