"""What the call platform reports, brought to the list and to the session that it concerns."""

from __future__ import annotations

import asyncio
import logging

from appliance.control_link.words import EndReason
from appliance.monitoring.alerts import Alerts
from appliance.monitoring.desk import Desk
from appliance.monitoring.endings import Endings
from appliance.monitoring.owner import Owner
from appliance.monitoring.policy import is_own_call, why_not_monitorable
from appliance.monitoring.reconnect import Reconnecting
from appliance.monitoring.session import Session
from appliance.platforms.protocol import (
    Interaction,
    InteractionChanged,
    InteractionsSnapshot,
    LegEnded,
    PlatformConnection,
    PlatformEvent,
)

log = logging.getLogger(__name__)

DEAD = frozenset({EndReason.MEDIA_LOST, EndReason.CONTROL_LOST, EndReason.PLATFORM_LOST})
"""What is said of a leg that the platform heard nothing of any more, or that died with the
signalling, whichever of sound and signalling is missed first; the call goes on."""
DEAD_IF_AWAY = frozenset({EndReason.REMOVED, EndReason.FAILED})
AWAY_S = 2.0
"""Once the sound has been away for so long, these mean the same: a PBX hangs a silent leg up as it
hangs up one that was thrown out, whose end is told sooner. In an outage, and right after one, an
order that failed means it at once: nobody throws out that way."""


class PlatformEvents:
    """Synchronous; the driver's sink."""

    def __init__(
        self,
        desk: Desk,
        endings: Endings,
        reconnecting: Reconnecting,
        alerts: Alerts,
        owner: Owner,
    ) -> None:
        self._desk = desk
        self._endings = endings
        self._owner = owner
        self._reconnecting = reconnecting
        self._alerts = alerts

    def take(self, event: PlatformEvent) -> None:
        """One event."""
        desk = self._desk
        match event:
            case PlatformConnection(connected=connected):
                desk.book.take(event)
                if connected and self._endings.leftovers:
                    desk.jobs.spawn(self._endings.sweep(), "leftover legs")
            case LegEnded(handle=handle, reason=reason):
                self._leg_ended(handle, reason)
            case InteractionsSnapshot():
                known = desk.book.active
                desk.book.take(event)
                self._alerts.replaced(known)
                if (session := desk.running()) is not None:
                    self._follow(session, desk.book.find(session.interaction.id))
            case InteractionChanged(interaction=interaction):
                before = desk.book.find(interaction.id)
                desk.book.take(event)
                self._alerts.changed(before, interaction)
                session = desk.running()
                if session is not None and session.interaction.id == interaction.id:
                    self._follow(session, interaction)
        desk.publish()

    def _leg_ended(self, handle: str, reason: EndReason) -> None:
        session = self._desk.running()
        if session is None or session.handle != handle:
            log.info("the platform ended leg %s, which is nobody's session", handle)
        elif _is_dead(session, reason):
            self._reconnecting.leg_is_gone(session, handle, reason)
        else:
            self._endings.end(session, reason)

    def _follow(self, session: Session, interaction: Interaction | None) -> None:
        """Keep up with holds and transfers; a transfer may make it the supervisor's own call, or
        one that nobody may monitor.
        """
        if interaction is None or interaction.state == "ended":
            # Who ended it is known to the report of the leg's end, which may be just behind.
            grace_s = self._desk.settings.call_end_grace_s
            asyncio.get_running_loop().call_later(grace_s, self._call_is_over, session)
            return
        moved = interaction.agents != session.interaction.agents
        session.interaction = interaction
        if is_own_call(session.owner, interaction, self._desk.driver.name):
            self._endings.end(session, EndReason.OWN_CALL)
        elif not interaction.monitorable:
            self._endings.end(session, why_not_monitorable(interaction))
        elif moved:  # the account may have got another agent id since the join
            self._owner.look_soon()

    def _call_is_over(self, session: Session) -> None:
        found = self._desk.book.find(session.interaction.id)
        if session.ending is None and found is None and self._desk.session is session:
            self._endings.end(session, EndReason.CALL_ENDED)


def _is_dead(session: Session, reason: EndReason) -> bool:
    """Whether that end of our leg is one of the connection, and the call goes on."""
    if reason is EndReason.FAILED and session.is_shaken:
        return True
    return reason in DEAD or (reason in DEAD_IF_AWAY and session.away_s > AWAY_S)
