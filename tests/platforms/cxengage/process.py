"""The stand-in as a process of its own, and its control door."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from appliance.platforms.cxengage.settings import CxEngageSettings
from tests.support.child import ModuleChild

PASSWORD = "correct-horse"
USERS = ("sue", "tom")
BOX = "box"
"""A user for a whole box, beside the drivers that a test has."""
AGENTS = (("agent-ada", "Ada"), ("agent-grace", "Grace"))


def user_settings(name: str, **fields: Any) -> dict[str, Any]:
    """An account of the stand-in."""
    return {"id": f"user-{name}", "username": name, "password": PASSWORD, **fields}


class StandinProcess(ModuleChild):
    """One stand-in after another at the same port, as long as `start` and `kill` are called."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.url = ""
        users = [user_settings(name) for name in (*USERS, BOX)]
        given = {"users": users, "agents": AGENTS, **settings}
        super().__init__("tests.platforms.cxengage.standin", directory, "standin", given)
        # Whom the control door belongs to, the test knows; it may have any certificate.
        self._client = httpx.AsyncClient(trust_env=False, timeout=20, verify=False)  # noqa: S501

    def change(self, **settings: Any) -> None:
        """For its next start."""
        self._settings |= settings

    async def start(self) -> None:
        """Returns when clients may come."""
        ready = json.loads(await self._started())
        self.url = ready["url"]
        self._settings["port"] = int(self.url.rpartition(":")[2])
        self._settings["control_token"] = ready["control_token"]

    async def close(self) -> None:
        """Kill it and let the door go."""
        await self.kill()
        await self._client.aclose()

    async def do(self, op: str, **fields: Any) -> Any:
        """The result of an operation of the control door; see ``standin/door.py``."""
        said = await self._client.post(
            f"{self.url}/control",
            headers={"x-control-token": self._settings["control_token"]},
            json={"op": op, **fields},
        )
        assert said.status_code == httpx.codes.OK, said.text
        return said.json()["result"]

    def driver_settings(self, user: str = "sue", **fields: Any) -> CxEngageSettings:
        """What a driver needs to reach it."""
        return CxEngageSettings.model_validate(self.section(user) | fields)

    def section(self, user: str) -> dict[str, Any]:
        """The same as the settings file has it."""
        return {
            "base_url": f"{self.url}/v1/",
            "user": user,
            "password": PASSWORD,
            "sqs_endpoint": f"{self.url}/sqs/",
            "voice_urls": [self.url.replace("http", "ws", 1) + "/signal"],
            "poll_interval": 0.25,
            "retry_first": 0.2,
            "retry_longest": 1.0,
        }


@contextlib.asynccontextmanager
async def running_standin(directory: Path, **settings: Any) -> AsyncIterator[StandinProcess]:
    """A stand-in without calls, gone at the end."""
    standin = StandinProcess(directory, **settings)
    try:
        await standin.start()
        yield standin
    finally:
        await asyncio.shield(standin.close())
