"""A browser a module, a fresh profile and a fresh world a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import chromium, context, watched
from tests.support.console_served import Served, served
from tests.support.console_world import World, make_world
from tests.support.private_box import PrivateBox, private_box


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def services() -> Iterator[PrivateBox]:
    """Services for network, name and clock, real ones as far as they can be."""
    with private_box("systemd", "timesyncd", "avahi") as box:
        yield box


@pytest.fixture
def world() -> World:
    return make_world(30)


@pytest.fixture
def server(world: World) -> Iterator[Served]:
    with served(world) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Served) -> Iterator[Page]:
    """A page that must not complain: no script error, no breach of the security policy."""
    with context(browser, server.url) as profile, watched(profile) as page:
        yield page
