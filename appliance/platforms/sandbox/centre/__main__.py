"""``python -m appliance.platforms.sandbox.centre``: the contact centre in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

from pydantic import ValidationError

from appliance.platforms.sandbox.centre.server import serve
from appliance.platforms.sandbox.centre.settings import CentreSettings, Ready
from appliance.service.errors import BargeboxError
from appliance.service.files import write_whole

EXIT_FAILED = 1
EXIT_USAGE = 2
SECONDS_BETWEEN_LOOKS = 0.5


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit code says how it went."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="sandbox: %(levelname)s %(name)s: %(message)s")
    # Each connection, ping and STUN message is worth no line of its own.
    for noisy in ("websockets", "aioice", "aiortc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        text = arguments.settings.read_text() if arguments.settings else "{}"
        settings = CentreSettings.model_validate_json(text)
    except (OSError, ValidationError) as error:
        print(f"sandbox: the settings cannot be used: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        asyncio.run(_run(settings, arguments.ready_file, arguments.follow_parent))
    except BargeboxError as error:
        print(f"sandbox: {error.detail}", file=sys.stderr)
        return EXIT_FAILED
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m appliance.platforms.sandbox.centre",
        description="The sandbox contact centre: agents and customers who speak.",
    )
    parser.add_argument("--settings", type=Path, help="JSON file with the settings")
    parser.add_argument("--ready-file", type=Path, help="written (mode 600) when clients may come")
    parser.add_argument(
        "--follow-parent", action="store_true", help="end when the parent process ends"
    )
    return parser.parse_args()


async def _run(settings: CentreSettings, ready_file: Path | None, follow_parent: bool) -> None:
    parent = os.getppid() if follow_parent else None
    serving = asyncio.ensure_future(serve(settings, lambda ready: _tell(ready, ready_file)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        while not serving.done():
            await asyncio.wait([serving], timeout=SECONDS_BETWEEN_LOOKS)
            if parent is not None and os.getppid() != parent:
                serving.cancel()
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def _tell(ready: Ready, ready_file: Path | None) -> None:
    """Print the address, and write the ready file whole or not at all."""
    print(f"sandbox: listening on {ready.url}", flush=True)
    if ready_file is None:
        return
    write_whole(ready_file, ready.model_dump_json().encode())


if __name__ == "__main__":
    sys.exit(main())
