"""What several modules of unit tests set up alike."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from tests.support.console_world import World, make_world


@pytest.fixture
def world() -> World:
    """What is behind the page."""
    return make_world()


@pytest.fixture
def app(world: World) -> FastAPI:
    """The page and the API on that world."""
    return world.app()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that nobody has signed in with."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://box") as client:
        yield client
