"""The tenant: users with permissions, tokens, sessions with heartbeats, queues, agents.

[?] A new session of the same user takes the place of an older one. [?] A session without
heartbeats dies, and the user's monitoring legs with it. [?] Signing out ends no leg.
"""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.platforms.cxengage.standin.faults import Faults
from tests.platforms.cxengage.standin.queue import Queue
from tests.platforms.cxengage.standin.settings import StandinSettings, UserSettings


@dataclass
class Session:
    """A presence session; its id is a version-1 UUID."""

    id: str = field(default_factory=lambda: str(uuid.uuid1()))
    state: str = "notready"
    beat_at: float = field(default_factory=time.monotonic)


@dataclass
class User:
    """An account, with everything that hangs on it."""

    settings: UserSettings
    queue: Queue
    permissions: list[str]
    extension: dict[str, Any] | None
    session: Session | None = None
    sqs_credentials: list[dict[str, Any]] = field(default_factory=list)
    voice_tokens: dict[str, float] = field(default_factory=dict)
    """Token and when it expires."""

    @property
    def id(self) -> str:
        return self.settings.id


class Tenant:
    """What all doors of the stand-in share."""

    def __init__(self, settings: StandinSettings) -> None:
        self.settings = settings
        self.faults = Faults()
        self.names = dict(settings.agents)
        self.users = {one.id: self._user(one) for one in settings.users}
        self.tokens: dict[str, tuple[str, float]] = {}
        """User id and expiry by token."""
        self.requests: list[tuple[str, str, int]] = []
        """Method, path and status of each REST request."""
        self.queue_refusals = 0
        """Requests to the queue that were not signed with good credentials."""

    def _user(self, one: UserSettings) -> User:
        self.names[one.id] = one.username
        extension = one.extension or {
            "type": "webrtc",
            "value": one.id,
            "provider": "twilio",
            "description": "Browser",
            "region": "default",
            "sdkVersion": "2",
        }
        queue = Queue(f"/000000000000/{one.id}", self.settings.visibility)
        return User(one, queue, list(one.permissions), extension)

    def by_name(self, username: str) -> User | None:
        """The user of that sign-in name."""
        return next((u for u in self.users.values() if u.settings.username == username), None)

    def new_token(self, user: User, ttl: float) -> str:
        """A token for the REST interface."""
        token = secrets.token_urlsafe(32)
        self.tokens[token] = (user.id, time.monotonic() + min(ttl, self.settings.token_ttl))
        return token

    def user_of(self, token: str) -> User | None:
        """Whose token it is, unless it has expired."""
        uid, until = self.tokens.get(token, ("", 0.0))
        return self.users.get(uid) if time.monotonic() < until else None

    def integrations(self, user: User, base: str) -> list[dict[str, Any]]:
        """Fresh credentials for queue and voice."""
        sqs = {
            "accessKey": "ASIA" + secrets.token_hex(8).upper(),
            "secretKey": secrets.token_urlsafe(30),
            "sessionToken": secrets.token_urlsafe(60),
            "ttl": self.settings.sqs_ttl,
        }
        user.sqs_credentials.append(sqs | {"until": time.monotonic() + self.settings.sqs_ttl})
        voice = secrets.token_urlsafe(40)
        user.voice_tokens[voice] = time.monotonic() + self.settings.voice_ttl
        return [
            {"type": "sqs", "queue": {"url": f"{base}{user.queue.url_path}"}, "credentials": sqs},
            {
                "type": "twilio",
                "jsApiUrl": "https://sdk.example.org/voice.js",
                "regions": ["gll"],
                "credentials": {"token": voice, "ttl": self.settings.voice_ttl},
            },
        ]

    def dead_sessions(self) -> list[User]:
        """Users whose session has just died for want of heartbeats."""
        limit = self.settings.heartbeat_delay * self.settings.heartbeats_missed
        dead = []
        for user in self.users.values():
            if user.session and time.monotonic() - user.session.beat_at > limit:
                user.session = None
                dead.append(user)
        return dead
