"""Messages of HTTP, WebSockets and AMI, read just so far that their ends are known."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import AsyncIterator

SWITCHED = b"101"
TEXT = 0x81
"""The first byte of a text frame that is a whole message (RFC 6455 section 5.2)."""
FIELDS_END = b"\r\n\r\n"


async def head(reader: asyncio.StreamReader) -> bytes:
    """The first line and the fields of a request or an answer; nothing when no more come."""
    try:
        return await reader.readuntil(FIELDS_END)
    except asyncio.IncompleteReadError:
        return b""


async def body(reader: asyncio.StreamReader, fields: bytes) -> bytes:
    """What follows that head, as it came."""
    fields = fields.lower()
    if b"\r\ntransfer-encoding: chunked" in fields:
        return b"".join([piece async for piece in _chunks(reader)])
    _, found, length = fields.partition(b"\r\ncontent-length:")
    return await reader.readexactly(int(length.partition(b"\r\n")[0])) if found else b""


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    size = -1
    while size:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        yield line + await reader.readexactly(size + 2)


async def frame(reader: asyncio.StreamReader) -> bytes:
    """One whole frame of a server, which masks none (RFC 6455 section 5.1)."""
    start = await reader.readexactly(2)
    length = start[1]
    if length > 125:
        more = await reader.readexactly(2 if length == 126 else 8)
        start, length = start + more, int.from_bytes(more)
    return start + await reader.readexactly(length)


def frame_head(length: int) -> bytes:
    """The beginning of a text frame of that many bytes."""
    if length > 0xFFFF:
        return struct.pack("!BBQ", TEXT, 127, length)
    return struct.pack("!BBH", TEXT, 126, length) if length > 125 else bytes((TEXT, length))


def answer_head(status: str, length: int, more: str = "") -> bytes:
    """The beginning of an answer of that many bytes, after which the connection stays."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{more}\r\n".encode()


def ami_refusal(asked: bytes) -> bytes:
    """AMI's answer to an action by somebody who may not."""
    number = re.search(rb"(?m)^ActionID: \S+\r\n", asked)
    mine = number[0] if number else b""
    return b"Response: Error\r\n" + mine + b"Message: Authentication failed" + FIELDS_END
