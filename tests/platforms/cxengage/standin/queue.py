"""One user's queue with SQS' semantics: long poll, visibility time-out, at-least-once."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from dataclasses import dataclass, field


@dataclass
class Message:
    """A message and when it may be received next."""

    body: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    visible_at: float = 0.0
    receipt: str = ""
    received: int = 0


class Queue:
    """Messages in order of arrival."""

    def __init__(self, url_path: str, visibility: float) -> None:
        self.url_path = url_path
        self.messages: list[Message] = []
        self.deleted: list[str] = []
        self._visibility = visibility
        self._news = asyncio.Event()

    def put(self, body: str) -> Message:
        """Add a message and wake who waits."""
        message = Message(body)
        self.messages.append(message)
        self._news.set()
        return message

    async def receive(self, most: int, wait: float) -> list[Message]:
        """Up to *most* visible messages; waits up to *wait* seconds for the first."""
        until = time.monotonic() + wait
        while True:
            now = time.monotonic()
            found = [one for one in self.messages if one.visible_at <= now][:most]
            if found or now >= until:
                break
            self._news.clear()
            soonest = min((one.visible_at for one in self.messages), default=until)
            try:
                async with asyncio.timeout(max(0.01, min(until, soonest) - now)):
                    await self._news.wait()
            except TimeoutError:
                continue
        for one in found:
            one.visible_at = time.monotonic() + self._visibility
            one.receipt = secrets.token_urlsafe(24)
            one.received += 1
        return found

    def delete(self, receipt: str, session: str | None) -> bool:
        """Forget the message of that receipt. Remembered is what the living *session* took."""
        for one in self.messages:
            if one.receipt and one.receipt == receipt:
                self.messages.remove(one)
                if session is not None and session in one.body:
                    self.deleted.append(one.body)
                return True
        return False
