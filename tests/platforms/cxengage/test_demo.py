"""The stand-in from the command line: what it prints is all that a box needs."""

from __future__ import annotations

import asyncio
import sys

import pytest

from appliance.platforms.drivers import make_driver
from appliance.settings import parse
from tests.platforms.cxengage.standin.__main__ import guesses
from tests.platforms.desk import Desk
from tests.platforms.site import HEARD_DBFS

STANDIN = (sys.executable, "-m", "tests.platforms.cxengage.standin")
LIMIT_S = 60.0


async def test_the_section_it_prints_lets_a_box_hear_its_calls() -> None:
    process = await asyncio.create_subprocess_exec(
        *STANDIN, "--demo", "--port", "0", "--follow-parent", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(LIMIT_S):
            lines = [await process.stdout.readline()]
            while b"loopback" not in lines[-1]:
                lines.append(await process.stdout.readline())
        printed = b"".join(lines).decode()
        settings = parse(printed[printed.index("[platform]") :], "the stand-in")
        found = Desk(make_driver(settings.platform))
        await found.driver.start(found.events.append)
        await found.until(lambda: len(found.interactions()) == 2)
        for interaction in found.interactions().values():
            hertz = (330.0, 440.0) if interaction.agents[0].name == "Ada" else (550.0, 660.0)
            handle, leg = await found.join(interaction.id)
            for one in hertz:
                await found.until(lambda h=one, leg=leg: leg.level(h) > HEARD_DBFS)  # type: ignore[misc]
            await found.leave(handle)
        await found.close()
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize(
    "words", ["engine: [?] What a flow", "trunk: [I]", "sqs: ", "listing: [I]"]
)
def test_its_help_says_what_is_guessed(words: str) -> None:
    assert words in guesses()
