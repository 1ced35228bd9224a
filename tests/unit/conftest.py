"""What several modules of unit tests set up alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from aioice import ice
from fastapi import FastAPI

from appliance.monitoring.store import Store
from appliance.platforms import trust
from tests.support.accounts_world import AccountsWorld, accounts_world
from tests.support.certificate_site import SiteAuthority
from tests.support.certificates import self_signed
from tests.support.console_world import World, make_world
from tests.support.faulty_provider import FaultyProvider, faulty_provider
from tests.support.leg_box import Box as LegBox
from tests.support.leg_box import leg_box
from tests.support.office import Office, open_office
from tests.support.openid_box import settings_for
from tests.support.uplink_line import Line


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the box's database is, or is going to be."""
    return tmp_path / "box.db"


@pytest.fixture
async def store(database: Path) -> AsyncIterator[Store]:
    """A database of the test's own, on the disk."""
    opened = await Store.open(database)
    yield opened
    await opened.close()


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


@pytest.fixture
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """WebRTC in the test has this one address."""
    monkeypatch.setattr(ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


@pytest.fixture
async def whole_leg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_loopback: None, aiortc_may_wait: None
) -> AsyncIterator[LegBox]:
    """A leg without its hardware, with its end of the control link."""
    async with leg_box(tmp_path, monkeypatch) as box:
        yield box


@pytest.fixture
async def line(only_loopback: None) -> AsyncIterator[Line]:
    """A leg's uplink, before it is connected."""
    line = Line()
    yield line
    await line.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for loopback and its key, as PEM files."""
    return self_signed(tmp_path)


@pytest.fixture
async def accounts_box(tmp_path: Path) -> AsyncIterator[AccountsWorld]:
    """A box with real accounts, roles and audit log."""
    async with accounts_world(tmp_path) as box:
        yield box


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Everything about accounts, on a real database."""
    async with open_office(tmp_path / "box.db") as made:
        yield made


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> SiteAuthority:
    """A site's own authority."""
    return SiteAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def middle(root: SiteAuthority) -> SiteAuthority:
    """One between it and the certificates."""
    return SiteAuthority(root.path, "middle", above=root)


@pytest.fixture
async def admin(accounts_box: AccountsWorld) -> AsyncIterator[httpx.AsyncClient]:
    """A script of its administrator's."""
    async with accounts_box.client("admin") as client:
        yield client


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[FaultyProvider]:
    """A small identity provider that the box believes."""
    with faulty_provider(tmp_path / "provider") as provider:
        trust.believe_too(provider.authority)
        yield provider
        trust.believe_too("")


@pytest.fixture
async def openid_box(tmp_path: Path, provider: FaultyProvider) -> AsyncIterator[AccountsWorld]:
    """A box with that provider."""
    async with accounts_world(tmp_path) as box:
        await box.app.state.console.ports.openid.change("admin", settings_for(provider))
        yield box
