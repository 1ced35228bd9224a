"""A box out of its carton: no account but the first, no platform, services of its own, HTTPS."""

from __future__ import annotations

import asyncio
import ssl
import threading
import urllib.request
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from appliance.demo.world import Options, World
from tests.support.centre import SPEECH_DIRECTORY, Administrator
from tests.support.demo_world import open_centre
from tests.support.private_box import PrivateBox
from tests.support.soundcard import sine

HERTZ = 997.0
LIMIT_S = 90.0
NOWHERE = "ws://127.0.0.1:9"

T = TypeVar("T")


class FreshWorld(World):
    """Ready once its page answers: nobody can ask it for more yet."""

    def __init__(self, directory: Path, options: Options) -> None:
        super().__init__(directory, options)
        self.url = self.url.replace("http:", "https:")

    def ready(self) -> bool:
        anybody = ssl.create_default_context()
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5, context=anybody):  # noqa: S310 (our own loopback address)
                return True
        except OSError:
            return False


class FreshBox:
    """The box, what is printed on its label, and the contact centre that it is to be joined to."""

    def __init__(self, world: FreshWorld, admin: Administrator, loop: Any) -> None:
        self.world, self.admin = world, admin
        self._loop = loop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* where the world runs and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    def plug_in(self, document: str) -> Path:
        """A USB stick with that document on it; where the box's report will be."""
        stick = self.world.directory / "media/STICK"
        stick.mkdir(parents=True)
        (stick / "bargebox.toml").write_text(document)
        return stick / "bargebox-report.txt"

    @property
    def printed_password(self) -> str:
        """As the label has it."""
        return (self.world.state_dir / "first-password").read_text().strip()


@contextmanager
def fresh_box(directory: Path, services: PrivateBox) -> Iterator[FreshBox]:
    """Switched on, with a headset whose microphone hears a voice (a tone); ends with the block."""
    options = Options(
        centre={"lively": 0, "speech_directory": str(SPEECH_DIRECTORY)},
        settings={
            "box": {
                "system_bus": services.address,
                "provisioning_media": [str(directory / "media")],
            },
            "console": {"https": "on"},
            "platform.sandbox": {"url": NOWHERE, "token": "nobody-filled-it-in", "tenant": "none"},
        },
        people=(),
        ear=False,
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fresh world")
    thread.start()
    stack = AsyncExitStack()

    async def start() -> FreshBox:
        world = await stack.enter_async_context(FreshWorld(directory, options))
        admin = await stack.enter_async_context(open_centre(world))
        await asyncio.to_thread(world.card.play, sine(HERTZ, -20.0))
        return FreshBox(world, admin, loop)

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(LIMIT_S)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(LIMIT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LIMIT_S)
        loop.close()
