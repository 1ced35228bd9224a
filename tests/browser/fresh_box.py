"""A box out of its carton: no account but the first, no platform, services of its own, HTTPS."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.demo.world import Options, World
from tests.browser.real_box import HERTZ, RealBox
from tests.support.centre import SPEECH_DIRECTORY
from tests.support.demo_world import open_centre
from tests.support.other_loop import other_loop
from tests.support.private_box import PrivateBox
from tests.support.soundcard import sine

NOWHERE = "ws://127.0.0.1:9"


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


class FreshBox(RealBox):
    """The box, what is printed on its label, and the contact centre that it is to be joined to."""

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
    with other_loop("fresh world") as loop:
        world = loop.enter(FreshWorld(directory, options))
        admin = loop.enter(open_centre(world))
        world.card.play(sine(HERTZ, -20.0))
        yield FreshBox(world, admin, loop)
