"""``bargebox demo``: everything in the foreground, one address, one sign-in; Ctrl-C ends it all."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import tempfile
from pathlib import Path

from appliance.demo.box import Person, WorldError, free_ports, is_free
from appliance.demo.voice import supervisor_voice
from appliance.demo.world import Options, World
from appliance.service import runtime
from appliance.service.files import write_whole
from appliance.service.journal import set_up_logging

log = logging.getLogger(__name__)


def run(chosen: argparse.Namespace) -> int:
    """Run the demo until Ctrl-C."""
    set_up_logging("bargebox-demo", "info")

    async def main(stop: asyncio.Event) -> None:
        await _demo(chosen, stop)

    return runtime.run(main, grace=20.0)


async def _demo(chosen: argparse.Namespace, stop: asyncio.Event) -> None:
    person = Person("supervisor", "Administrator")
    options = Options(
        port=_port(chosen.port),
        centre={"listed": chosen.listed, "changes_per_second": chosen.changes},
        people=(person,),
    )
    print("Starting the box, a contact centre with calls, and a virtual headset …", flush=True)
    with tempfile.TemporaryDirectory(prefix="bargebox-") as folder:
        async with World(Path(folder), options) as world:
            voice = await asyncio.to_thread(supervisor_voice, Path(folder) / "voice.wav")
            await asyncio.to_thread(world.card.play, voice)
            _tell(world, person, chosen.ready_file)
            await stop.wait()
            print("Stopping …", flush=True)


def _port(wanted: int) -> int:
    if wanted and not is_free(wanted):
        (other,) = free_ports(1)
        log.warning("port %d is in use; the page is served on %d", wanted, other)
        return other
    return wanted


def _tell(world: World, person: Person, ready_file: Path | None) -> None:
    print(
        f"\n  Bargebox is at  {world.url}\n"
        f"  Sign in as      {person.name}\n"
        f"  with password   {person.password}\n\n"
        "  Press Monitor on a call; 'Listen to the headset' lets you hear it in the browser.\n"
        "  The microphone button barges in, the handset leaves. Ctrl-C ends the demo.\n",
        flush=True,
    )
    if ready_file is not None:
        _write_ready_file(
            ready_file,
            {
                "url": world.url,
                "user": person.name,
                "password": person.password,
                "token": world.tokens[person.name],
            },
        )


def _write_ready_file(path: Path, content: dict[str, str]) -> None:
    try:
        write_whole(path, json.dumps(content).encode())
    except OSError as error:
        raise WorldError(f"The ready file {path} cannot be written: {error.strerror}.") from error
