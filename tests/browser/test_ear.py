"""The demo's ear: framed from its own origin, and from nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import sign_in
from tests.support.console_served import Served, served
from tests.support.console_world import World

pytestmark = pytest.mark.alone


class Ear(BaseHTTPRequestHandler):
    """A stand-in for the process that taps the virtual card."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>ear</title><button>Listen to the headset</button>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""


@pytest.fixture
def ear() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(world: World, ear: str) -> Iterator[Served]:
    with served(world, ear_url=ear) as server:
        yield server


def test_the_ear_is_there_and_keeps_to_itself(page: Page) -> None:
    sign_in(page)
    frame = page.frame_locator("iframe[title='Listen to the headset']")
    expect(frame.get_by_role("button", name="Listen to the headset")).to_be_visible()
    link = page.get_by_role("link", name="Open in a window")
    expect(link).to_have_attribute("rel", "noopener")
    sandbox = page.locator("iframe").get_attribute("sandbox")
    assert sandbox == "allow-scripts allow-same-origin"


def test_a_technician_has_no_ear(page: Page) -> None:
    sign_in(page, "tom")
    expect(page.get_by_role("heading", name="Panel")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)
