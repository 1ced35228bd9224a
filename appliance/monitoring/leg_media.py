"""The media connection's changes, as the session's states."""

from __future__ import annotations

import logging
import time

from appliance.control_link.commands import CloseGate
from appliance.control_link.words import Gate, Media
from appliance.monitoring.desk import Desk
from appliance.monitoring.session import Session
from appliance.monitoring.session_machine import Event, IllegalTransitionError

log = logging.getLogger(__name__)

_EVENTS = {
    Media.CONNECTED: Event.MEDIA_CONNECTED,
    Media.INTERRUPTED: Event.MEDIA_INTERRUPTED,
    Media.LOST: Event.MEDIA_INTERRUPTED,
}


def media_moved(desk: Desk, session: Session, media: Media) -> None:
    """Follow the leg's media, short of its end. The way back from an interruption is muted."""
    if media is session.media:
        return
    if session.given_up:
        session.media = media  # it may come and go: none of it is a leg that the platform has
        return
    if session.media is Media.CONNECTED:
        session.away_since = time.monotonic()
    elif media is Media.CONNECTED and session.away_s:
        session.back_since = time.monotonic()
    session.media = media
    _fire(desk, session, media)


def give_up(desk: Desk, session: Session) -> None:
    """Whatever the leg still hears, the platform has no leg of ours, or is to have none: until a
    fresh one is described it is *reconnecting*, muted, and takes no orders.
    """
    if session.media is Media.CONNECTED and not session.given_up:
        session.away_since = time.monotonic()
    session.given_up = True
    session.ours.clear()
    _fire(desk, session, Media.LOST)


def begin_afresh(desk: Desk, session: Session) -> None:
    """The leg has just described a fresh connection: what it hears from now on is of that one."""
    if not session.given_up or session.taken_away == session.handle:
        return
    session.given_up = False
    if session.media is Media.CONNECTED:  # heard before its description was read here
        session.back_since = time.monotonic()
        _fire(desk, session, Media.CONNECTED)
    desk.publish()


def _fire(desk: Desk, session: Session, media: Media) -> None:
    if media is not Media.CONNECTED:
        session.closings += 1  # who asked to be heard before shall not be heard after
    if media in _EVENTS:
        try:
            desk.machine.fire(_EVENTS[media])
        except IllegalTransitionError as error:
            log.error("the leg reports what cannot be: %s", error.detail)
    if session.gate is not Gate.CLOSED:
        # The leg closes its gate by itself; asking again costs nothing and trusts nobody.
        async def close() -> None:
            await desk.tell_leg(lambda n: CloseGate(id=n, session_id=session.id))

        desk.jobs.spawn(close(), "close gate")
