"""Run the stand-in: ``python -m tests.platforms.cxengage.standin --demo``, or for a test."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import socket
import textwrap
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from appliance.service.files import write_whole
from tests.platforms.cxengage.standin import (
    demo,
    door,
    engine,
    listing,
    media,
    queue,
    rest,
    sqs,
    tenant,
    trunk,
    voice,
)
from tests.platforms.cxengage.standin.engine import Engine
from tests.platforms.cxengage.standin.settings import Ready, StandinSettings
from tests.platforms.cxengage.standin.tenant import Tenant
from tests.platforms.cxengage.standin.trunk import Trunk
from tests.platforms.cxengage.standin.voice import Gateway


def make_app(settings: StandinSettings) -> FastAPI:
    """The stand-in as an application."""
    app = FastAPI(docs_url=None, openapi_url=None)
    app.state.tenant = Tenant(settings)
    app.state.gateway = Gateway(app.state.tenant)
    app.state.trunk = Trunk(settings.trunk) if settings.trunk else None
    app.state.engine = Engine(app.state.tenant, app.state.gateway, app.state.trunk)
    for part in (door, sqs, voice, rest):
        app.include_router(part.router)
    return app


async def serve(
    settings: StandinSettings, *, ready_file: Path | None, parent: int | None, shown: bool
) -> None:
    """Serve until told to end, or until the parent process has gone; *shown*: with calls."""
    listener = socket.create_server(("127.0.0.1", settings.port))
    scheme = "https" if settings.tls else "http"
    url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    certificate, key = settings.tls or (None, None)
    app = make_app(settings)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_ping_interval=None,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            timeout_graceful_shutdown=1,
        )
    )
    watching = [asyncio.create_task(app.state.engine.watch_sessions())]
    if app.state.trunk is not None:
        watching.append(asyncio.create_task(app.state.trunk.run()))
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    ready = Ready(url=url, control_token=settings.control_token)
    print(f"stand-in: listening on {url}", flush=True)
    if shown:
        demo.begin_calls(app.state.engine)
        print(demo.section(url, settings), flush=True)
    if ready_file is not None:
        write_whole(ready_file, ready.model_dump_json().encode())
    while not serving.done():
        await asyncio.wait([serving], timeout=0.5)
        if parent is not None and os.getppid() != parent:
            server.should_exit = True
    for task in watching:
        task.cancel()


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.platforms.cxengage.standin",
        description="A stand-in of the CxEngage tenant.",
        epilog=guesses(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--demo", action="store_true", help="an account, two calls that sound")
    kind.add_argument(
        "--settings", type=Path, help="JSON, see settings.py; without: an empty tenant"
    )
    parser.add_argument("--port", type=int, default=8780, help="of the demo (default: 8780)")
    parser.add_argument("--ready-file", type=Path, help="written when clients may come")
    parser.add_argument("--follow-parent", action="store_true", help="end with the parent process")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="stand-in: %(levelname)s %(name)s: %(message)s")
    for noisy in ("websockets", "aioice", "aiortc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if arguments.demo:
        settings = demo.demo_settings(arguments.port)
    else:
        text = arguments.settings.read_text() if arguments.settings else "{}"
        settings = StandinSettings.model_validate_json(text)
    parent = os.getppid() if arguments.follow_parent else None
    asyncio.run(
        serve(settings, ready_file=arguments.ready_file, parent=parent, shown=arguments.demo)
    )


def guesses() -> str:
    """What no source says, in the words of each module."""
    lines = ["Inferred [I], or unknown outside the platform and a guess [?]:", ""]
    for part in (tenant, rest, listing, engine, media, queue, sqs, voice, trunk):
        said = " ".join((part.__doc__ or "").split())
        marks = re.findall(r"\[[I?]\][^\[]+|[^.]+\[I\]\.", said)
        name = part.__name__.rpartition(".")[2]
        lines += [
            textwrap.fill(f"{name}: {one.strip()}", 96, subsequent_indent="  ") for one in marks
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
