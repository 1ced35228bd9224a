"""The lines of AMI: ``Key: value`` line by line, and an empty line behind each message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.platforms.protocol import PlatformError

MAX_MESSAGE = 256 * 1024
"""Bytes that a message may have; a variable's value alone may have 64 KB."""
MAX_LINES = 1024
_END = b"\r\n\r\n"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class AmiMessage:
    """A response or an event; a key may come several times."""

    lines: tuple[tuple[str, str], ...]

    @property
    def size(self) -> int:
        """Letters in it."""
        return sum(len(key) + len(value) for key, value in self.lines)

    def get(self, key: str) -> str:
        """The first value of *key*, or nothing."""
        return next((value for name, value in self.lines if name == key), "")

    def all(self, key: str) -> list[str]:
        """All values of *key*."""
        return [value for name, value in self.lines if name == key]


class AmiReader:
    """Bytes as they arrive, cut into messages. It holds no more than `MAX_MESSAGE` bytes."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[AmiMessage]:
        """The messages that are whole now. Raises `PlatformError` when one is beyond the bounds."""
        begin = max(0, len(self._waiting) - len(_END) + 1)
        self._waiting += data
        while (end := self._waiting.find(_END, begin)) >= 0:
            text = bytes(self._waiting[:end])
            del self._waiting[: end + len(_END)]
            begin = 0
            yield _message(text)
        if len(self._waiting) > MAX_MESSAGE:
            raise PlatformError("Asterisk's AMI sent a message that is too long for this box.")


def _message(data: bytes) -> AmiMessage:
    """What is no ``Key: value`` is left aside, such as the output of a command."""
    if len(data) > MAX_MESSAGE or data.count(b"\n") >= MAX_LINES:
        raise PlatformError("Asterisk's AMI sent a message that is too long for this box.")
    parts = (line.partition(":") for line in data.decode("utf-8", "replace").split("\r\n"))
    return AmiMessage(tuple((key, value.strip()) for key, colon, value in parts if colon))


def action(name: str, action_id: str, fields: dict[str, str]) -> bytes:
    """An action as it is sent. Raises `PlatformError` where a value would begin a line."""
    lines = {"Action": name, "ActionID": action_id, **fields}
    if any(_CONTROL.search(value) for value in lines.values()):
        raise PlatformError("A name with a line break cannot be told to Asterisk.")
    return "".join(f"{key}: {value}\r\n" for key, value in lines.items()).encode() + b"\r\n"
