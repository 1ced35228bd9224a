"""The API of accounts, as a script asks it."""

from __future__ import annotations

import httpx

API = "/api/v1"
VIEW = "VIEW_ALL_MONITORED_CALLS"


async def status(client: httpx.AsyncClient, path: str = "/session") -> int:
    """The status of the answer to whoever asks for *path*."""
    return (await client.get(f"{API}{path}")).status_code
