"""``bargebox leg``: the audio process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging

from appliance.leg.daemon import LegDaemon
from appliance.panel.board import load_board
from appliance.service import notify, runtime
from appliance.service.journal import set_up_logging
from appliance.settings import Settings, load_in_force

log = logging.getLogger(__name__)

LINK_SOCKET = "control-link"
PANEL_SOCKET = "panel"
"""What systemd calls the sockets that it holds for the leg (``FileDescriptorName=``)."""


def run(chosen: argparse.Namespace) -> int:
    """Run until SIGTERM; no core dump can be taken of this process."""
    set_up_logging("bargebox-leg", chosen.log_level)
    runtime.forbid_core_dumps()
    found = load_in_force(chosen.settings)
    settings, fault = found.settings, found.fault
    if fault is not None:
        log.error("%s The last good settings are used.", fault.detail, extra={"CODE": fault.code})
    load_board(settings.panel.board, settings.panel.boards_dir)  # refused before anything starts

    async def main(stop: asyncio.Event) -> None:
        await _serve(settings, stop)

    return runtime.run(main)


async def _serve(settings: Settings, stop: asyncio.Event) -> None:
    held = notify.inherited_sockets()
    daemon = LegDaemon(
        settings.leg,
        settings.audio,
        settings.panel,
        panel_socket=settings.box.panel_socket,
        panel_inherited=held.get(PANEL_SOCKET),
        renew=stop.set,
    )
    watchdog = notify.Watchdog()
    try:
        await daemon.start(settings.box.leg_socket, held.get(LINK_SOCKET))
        for name, counter in daemon.beats().items():
            watchdog.beats(name, counter)
        _forget_the_libraries()
        watchdog.start()
        notify.ready("ready")
        await stop.wait()
    finally:
        await watchdog.stop()
        await daemon.stop()


def _forget_the_libraries() -> None:
    """Leave what is here now out of all later garbage collections: a full one looks at every object
    of the libraries, holds every thread up meanwhile, and the headset runs dry (12 to 39 ms
    measured, of 30 in ALSA's buffer).
    """
    gc.collect()
    gc.freeze()
