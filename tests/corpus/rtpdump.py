"""The file format of captures: rtpdump (of Schulzrinne's rtptools), compressed by gzip.

Wireshark reads it as it is, from 4.2 on. Times are in whole milliseconds after the first packet.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

FIRST_LINE = b"#!rtpplay1.0 127.0.0.1/5004\n"
HEADER = struct.Struct("!IIIHH")
"""When it began (s, us), from which address and port, and two octets of nothing."""
SOMEWHERE = HEADER.pack(0, 0, 0x7F000001, 5004, 0)
RECORD = struct.Struct("!HHI")
"""Octets of the record, octets of the packet, and when it came (ms)."""


class Captured(NamedTuple):
    """A decrypted RTP packet, header and payload, that came *at* s after the first one."""

    at: float
    data: bytes


def write(path: Path, packets: Iterable[Captured]) -> None:
    """Replace *path*; the same packets always make the same file."""
    records = [
        RECORD.pack(RECORD.size + len(one.data), len(one.data), round(one.at * 1000)) + one.data
        for one in packets
    ]
    data = FIRST_LINE + SOMEWHERE + b"".join(records)
    path.write_bytes(gzip.compress(data, mtime=0))


def read(path: Path) -> list[Captured]:
    """All packets of the file. Raises ValueError when it is none of this format."""
    line, _, data = gzip.decompress(path.read_bytes()).partition(b"\n")
    if not line.startswith(b"#!rtpplay1.0 "):
        raise ValueError(f"{path.name} is not an rtpdump")
    packets, position = [], HEADER.size
    while position < len(data):
        length, octets, ms = RECORD.unpack_from(data, position)
        begin = position + RECORD.size
        packets.append(Captured(ms / 1000, data[begin : begin + octets]))
        position += length
    return packets
