"""The real Asterisk 22 of ``build/asterisk`` as a subprocess with a configuration of its own."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.support.child import Child

ADDRESS = "10.77.0.1"
ROOT = Path(__file__).parents[3] / "build/asterisk"
MANUAL = Path(__file__).parents[3] / "docs/operations.md"
CONFIG = Path(__file__).parent / "config"
PORT = 8088
ARI_URL = f"http://{ADDRESS}:{PORT}"
WS_URL = f"ws://{ADDRESS}:{PORT}/ws"
AMI_URL = f"tcp://{ADDRESS}:5038"
ARI_USER, ARI_PASSWORD = "bargebox", "a-password-of-the-tests"
AMI_USER, AMI_PASSWORD = "spying-box", "a-password-of-the-spying-box"
PERSON_PASSWORD, LEG_PASSWORD = "a-password-of-a-person", "a-password-of-a-leg"
MAJOR = 22
SECONDS_TO_START = 20.0


def _program() -> list[str]:
    """Asterisk with its own loader and libraries, for it is not of this system."""
    loader = next(ROOT.glob("usr/lib*/ld-linux-*"), None)
    assert loader is not None, "there is no build/asterisk: run tools/setup test"
    libraries = next(ROOT.glob("usr/lib/*/libc.so.6")).parent
    return [str(loader), "--library-path", str(libraries), str(ROOT / "usr/sbin/asterisk")]


def _documented(beginning: str) -> str:
    """The block of the manual that begins so: what a site copies is what is tested."""
    blocks = re.findall(r"(?ms)^  ```ini\n(.*?)^  ```$", MANUAL.read_text())
    (block,) = [one for one in map(textwrap.dedent, blocks) if one.startswith(beginning)]
    return block


def _endpoint(template: str, name: str, auth: str, aor: str, codecs: str) -> str:
    return f"""
[{name}]({template})
auth = {name}-auth
aors = {name}
allow = {codecs}
[{name}-auth]({auth})
username = {name}
[{name}]({aor})
"""


class Asterisk(Child):
    """One server after another in the same folder."""

    def __init__(
        self, directory: Path, people: dict[str, str], legs: list[str], trunks: Sequence[str] = ()
    ) -> None:
        """*people* are endpoints, each with its one codec as Asterisk names it; *trunks* are legs
        that may call.
        """
        self.leg_template = "leg"
        """Of the boxes' endpoints in ``pjsip.conf``."""
        self.leg_codecs = "opus,g722,ulaw"
        self._run, self._people, self._legs, self._trunks = directory, people, legs, trunks
        self.more: dict[str, str] = {}
        """What a test adds at the end of a configuration file."""
        program = _program()
        version = subprocess.run([*program, "-V"], capture_output=True, text=True, check=True)
        assert version.stdout.startswith(f"Asterisk {MAJOR}."), (
            f"the tests are for Asterisk {MAJOR}, not {version.stdout!r}: see tools/asterisk"
        )

    def _write_configuration(self) -> None:
        shutil.rmtree(self._run / "etc", ignore_errors=True)
        for folder in ("etc", "spool", "log", "moh"):
            (self._run / folder).mkdir(parents=True, exist_ok=True)
        words = {
            "@RUN@": str(self._run),
            "@ROOT@": str(ROOT),
            "@MULTIARCH@": next(ROOT.glob("usr/lib/*/libc.so.6")).parent.name,
            "@ADDRESS@": ADDRESS,
            "@SPYING@": _documented("[bargebox-legs]"),
        }
        for file in CONFIG.glob("*.conf"):
            text = file.read_text()
            for word, value in words.items():
                text = text.replace(word, value)
            (self._run / "etc" / file.name).write_text(text)
        with (self._run / "etc/pjsip.conf").open("a") as pjsip:
            for name, codec in self._people.items():
                pjsip.write(_endpoint("person", name, "person-auth", "person-aor", codec))
            template = self.leg_template
            for name in self._legs:
                pjsip.write(_endpoint(template, name, "leg-auth", "person-aor", self.leg_codecs))
            for name in self._trunks:
                pjsip.write(_endpoint("trunk", name, "leg-auth", "person-aor", "opus"))

        for name, text in self.more.items():
            with (self._run / "etc" / name).open("a") as written:
                written.write(text)

    async def start(self) -> None:
        """Returns when ARI answers."""
        self._write_configuration()
        self._process = await asyncio.create_subprocess_exec(
            *_program(),
            "-f",
            "-C",
            str(self._run / "etc/asterisk.conf"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(SECONDS_TO_START), self.administrator() as client:
            while True:
                assert self._process.returncode is None, f"Asterisk did not start: {self._run}/log"
                try:
                    if (await client.get("/channels")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    @staticmethod
    def administrator() -> httpx.AsyncClient:
        """A client of ARI."""
        return httpx.AsyncClient(
            base_url=f"{ARI_URL}/ari",
            auth=(ARI_USER, ARI_PASSWORD),
            timeout=30.0,
            trust_env=False,
        )
