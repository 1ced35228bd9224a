"""Run the stand-in: ``python -m tests.platforms.cxengage.standin --settings F --ready-file F``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from appliance.service.files import write_whole
from tests.platforms.cxengage.standin import door, rest, sqs, voice
from tests.platforms.cxengage.standin.engine import Engine
from tests.platforms.cxengage.standin.settings import Ready, StandinSettings
from tests.platforms.cxengage.standin.tenant import Tenant
from tests.platforms.cxengage.standin.trunk import Trunk
from tests.platforms.cxengage.standin.voice import Gateway


def make_app(settings: StandinSettings) -> FastAPI:
    """The stand-in as an application."""
    app = FastAPI(docs_url=None, openapi_url=None)
    app.state.tenant = tenant = Tenant(settings)
    app.state.gateway = gateway = Gateway(tenant)
    app.state.trunk = Trunk(settings.trunk) if settings.trunk else None
    app.state.engine = Engine(tenant, gateway, app.state.trunk)
    for part in (door, sqs, voice, rest):
        app.include_router(part.router)
    return app


async def serve(settings: StandinSettings, ready_file: Path | None, parent: int | None) -> None:
    """Serve until told to end, or until the parent process has gone."""
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
    parser = argparse.ArgumentParser(description="A stand-in of the CxEngage tenant.")
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--ready-file", type=Path)
    parser.add_argument("--follow-parent", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="stand-in: %(levelname)s %(name)s: %(message)s")
    for noisy in ("websockets", "aioice", "aiortc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    text = arguments.settings.read_text() if arguments.settings else "{}"
    settings = StandinSettings.model_validate_json(text)
    parent = os.getppid() if arguments.follow_parent else None
    asyncio.run(serve(settings, arguments.ready_file, parent))


if __name__ == "__main__":
    main()
