"""The real Kamailio as a subprocess with a configuration of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.certificates import Authority

ADDRESS = "10.77.0.1"
WS_URL = f"ws://{ADDRESS}:8090"
WSS_URL = f"wss://{ADDRESS}:8091"
PASSWORD = "a-password-of-a-leg"
MIN_SESSION_S = 6
SECONDS_TO_START = 10.0


def _modules() -> str:
    found = next(Path("/usr/lib").glob("*/kamailio/modules"), None)
    assert found is not None, "there is no Kamailio: run tools/setup test"
    return str(found)


class Kamailio:
    """One proxy after another in the same folder."""

    def __init__(self, directory: Path, authority: Authority, algorithm: str = "MD5") -> None:
        self._run = directory
        self._process: asyncio.subprocess.Process | None = None
        certificate, key = authority.issue(ADDRESS)
        words = {
            "@ADDRESS@": ADDRESS,
            "@RUN@": str(directory),
            "@MODULES@": _modules(),
            "@PASSWORD@": PASSWORD,
            "@ALGORITHM@": "" if algorithm == "MD5" else algorithm,
            "@MIN_SE@": str(MIN_SESSION_S),
        }
        text = Path(__file__).with_suffix(".cfg").read_text()
        for word, value in words.items():
            text = text.replace(word, value)
        (directory / "kamailio.cfg").write_text(text)
        (directory / "tls.cfg").write_text(
            f"[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\n"
            f"certificate = {certificate}\nprivate_key = {key}\n"
        )

    async def start(self) -> None:
        """Returns when it takes connections."""
        with (self._run / "kamailio.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                "/usr/sbin/kamailio",
                *("-f", str(self._run / "kamailio.cfg"), "-DD", "-E"),
                *("-Y", str(self._run), "-P", str(self._run / "pid")),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(SECONDS_TO_START):
            while True:
                assert self._process.returncode is None, f"see {self._run}/kamailio.log"
                try:
                    _, writer = await asyncio.open_connection(ADDRESS, 8091)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                await writer.wait_closed()
                return

    async def stop(self) -> None:
        """As an accident would; its children go with it."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
