"""Seeing to it that a call is refreshed in time, or ended (RFC 4028 section 10)."""

from __future__ import annotations

import asyncio
import logging

from appliance.platforms.sip.dialog import Dialog
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.timer import Agreement

log = logging.getLogger(__name__)

TRIES = 4
"""Attempts to refresh, in the time that is left."""


async def keep(dialog: Dialog) -> None:
    """Returns when the call is over, or lasts without refreshes from now on."""
    dialog.kept = True
    try:
        while (agreement := dialog.agreement) is not None and not dialog.ended.is_set():
            dialog.refreshed.clear()
            if await _happens(dialog.refreshed, agreement.patience_s):
                continue
            if not agreement.we_refresh or not await _refreshed(dialog, agreement):
                await _hang_up(dialog)
    finally:
        dialog.kept = False


async def _refreshed(dialog: Dialog, agreement: Agreement) -> bool:
    """Whether one of some attempts had success before the other side gives the call up."""
    left = agreement.patience_s - min(32.0, agreement.interval_s / 3)
    for _ in range(TRIES):
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(left / TRIES, 1.0)):
                await dialog.refresh()
        except (SipError, TimeoutError) as error:
            log.debug("a call is not refreshed: %s", error)
        if dialog.refreshed.is_set():
            return True
        spent = asyncio.get_running_loop().time() - begun
        if await _happens(dialog.refreshed, left / TRIES - spent):
            return True
    return False


async def _hang_up(dialog: Dialog) -> None:
    log.warning("a call is ended that was not refreshed in time")
    try:
        await dialog.bye()
    except SipError as error:
        log.debug("the other side did not hear it: %s", error.detail)


async def _happens(event: asyncio.Event, limit_s: float) -> bool:
    try:
        async with asyncio.timeout(max(limit_s, 0.0)):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True
