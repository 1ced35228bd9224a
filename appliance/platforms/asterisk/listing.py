"""Channels and bridges as interactions: what each call is, and who is on it.

A call is named after its customer's channel, which stays when agents come and go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Literal

from appliance.control_link.words import EndReason
from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.switchboard import Switchboard, age
from appliance.platforms.protocol import Agent, Interaction, InteractionState

MAX_TEXT = 120
MAX_REMEMBERED = 1000
"""Calls of which is known who hung up; the oldest are forgotten."""
TALKING = ("in-conversation", "on-hold", "transferring")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Listing(Switchboard):
    """The calls of one server, kept by `replace_all` and then `apply`, event by event."""

    def __init__(self, settings: AsteriskSettings) -> None:
        super().__init__()
        self._settings = settings
        self.global_monitoring = ""
        """The monitoring variable's global value."""
        self.shown: dict[str, Interaction] = {}
        self._held: set[str] = set()
        self._variables: dict[str, dict[str, str]] = {}
        self._id_of: dict[str, str] = {}
        self._hung_up: dict[str, EndReason] = {}

    # -- what happens

    def replace_all(
        self, channels: Iterable[wire.Channel], bridges: Iterable[wire.Bridge]
    ) -> list[Interaction]:
        """Everything anew; the interactions that ended meanwhile."""
        before, variables, held = set(self.shown), dict(self._variables), set(self._held)
        self._clear()
        for also in (self._variables, self._id_of, self._hung_up, self._held):
            also.clear()
        for channel in channels:
            self._variables[channel.id] = variables.get(channel.id, {})
            self._update(channel)
        self._held = held & self._channels.keys()
        for bridge in bridges:
            for member in bridge.channels:
                self._enter(member, bridge.id)
        return self._refresh(set(self._channels), before)

    def apply(self, event: wire.Event) -> list[Interaction]:
        """What changed, the ended ones too."""
        touched = {one.id for one in (event.channel, event.peer, event.caller) if one is not None}
        if event.type == "ChannelVarset" and event.channel is None:
            self._set_global(event)
            touched = set(self._channels)
        elif not touched and event.type != "BridgeDestroyed":
            return []
        if event.type == "BridgeDestroyed" and event.bridge is not None:
            touched |= self._members.get(event.bridge.id, set())
        before = self._around(touched)
        calls = {self._id_of.get(one, "") for one in touched}
        self._take(event)
        after = self._around(touched)
        changed = self._refresh(before | after, set())
        if event.type == "ChannelDestroyed":
            for call in calls & self.shown.keys():
                if self.shown[call].state == "in-conversation" and self.shown[call].agents:
                    self._hung_up.pop(call, None)  # it goes on: who left has not ended it
        return changed

    def reason(self, interaction_id: str) -> EndReason:
        """Who ended a call that is over, as far as it was seen; it is told once."""
        return self._hung_up.pop(interaction_id, EndReason.CALL_ENDED)

    def is_agent(self, channel_id: str) -> bool:
        """Whether an agent speaks there."""
        channel = self._channels.get(channel_id)
        return channel is not None and self._agent(channel) is not None

    def call_of(self, channel_id: str) -> str:
        """The interaction that a channel belongs to, or nothing."""
        return self._id_of.get(channel_id, "")

    def _take(self, event: wire.Event) -> None:
        channel, bridge = event.channel, event.bridge
        for one in (channel, event.peer, event.caller):
            if one is not None and event.type != "ChannelDestroyed":
                self._update(one)
        match event.type:
            case "ChannelDestroyed" if channel:
                self._remove(channel.id)
            case "ChannelHold" if channel:
                self._held.add(channel.id)
            case "ChannelUnhold" if channel:
                self._held.discard(channel.id)
            case "ChannelEnteredBridge" if channel and bridge:
                self._enter(channel.id, bridge.id)
                self._hung_up.pop(self._id_of.get(channel.id, ""), None)
            case "ChannelLeftBridge" if channel and bridge:
                if self.bridge_of(channel.id) == bridge.id:  # it may be in the next one already
                    self._leave(channel.id)
            case "BridgeDestroyed" if bridge:
                for member in list(self._members.get(bridge.id, ())):
                    self._leave(member)
            case "Dial" if event.peer and event.caller:
                self._dial(event.caller.id, event.peer.id)
            case "ChannelHangupRequest" if channel:
                self._hangs_up(channel)
            case "ChannelVarset" if channel:
                self._set(channel.id, event.variable.lstrip("_"), event.value)

    def _update(self, channel: wire.Channel) -> None:
        super()._update(channel)
        for name, value in channel.channelvars.items():
            self._set(channel.id, name, value)

    def _set(self, channel_id: str, name: str, value: str) -> None:
        if name in self._settings.variables:
            self._variables.setdefault(channel_id, {})[name] = value

    def _set_global(self, event: wire.Event) -> None:
        if event.variable == self._settings.monitoring_variable:
            self.global_monitoring = event.value

    def _remove(self, channel_id: str) -> None:
        super()._remove(channel_id)
        self._variables.pop(channel_id, None)
        self._held.discard(channel_id)

    def _hangs_up(self, channel: wire.Channel) -> None:
        """The first on a call to do so ends it; the other side's is the server's doing."""
        if channel.technology == "Local":
            return  # nobody: the server does without it once both its ends are bridged
        agent = self._agent(channel) is not None
        reason = EndReason.AGENT_ENDED if agent else EndReason.CUSTOMER_ENDED
        if (known := self._id_of.get(channel.id)) is not None:
            self._hung_up.setdefault(known, reason)
            if len(self._hung_up) > MAX_REMEMBERED:
                del self._hung_up[next(iter(self._hung_up))]

    def _refresh(self, channels: set[str], gone: set[str]) -> list[Interaction]:
        """Look at the calls of *channels* anew, and say what changed."""
        now: dict[str, Interaction] = {}
        for one in channels:
            if (known := self._id_of.pop(one, None)) is not None:
                gone.add(known)
        waiting = {one for one in channels if one in self._channels}
        while waiting:
            call = self._together(one := waiting.pop())
            waiting -= call | {one}
            if call and (seen := self._interaction(call)) is not None:
                now[seen.id] = seen
                self._id_of.update(dict.fromkeys(call, seen.id))
        over = [self.shown.pop(one, None) for one in sorted(gone - now.keys())]
        ended = [replace(one, state="ended") for one in over if one is not None]
        for last in ended:
            if self.knows(last.id):
                self._hung_up.pop(last.id, None)  # it goes on under another name
        changed = [new for new in now.values() if self.shown.get(new.id) != new]
        self.shown.update((new.id, new) for new in changed)
        return ended + changed

    # -- how it is shown

    def _interaction(self, call: set[str]) -> Interaction | None:
        """None for what is no call: an agent alone, or nobody."""
        members = sorted((self._channels[one] for one in call), key=age)
        parties = [one for one in members if one.technology != "Local"]
        parties = parties or [one for one in members if one.name.endswith(";1")]
        agents = [one for one in parties if self._agent(one) is not None]
        customers = [one for one in parties if self._agent(one) is None]
        if not customers and len(agents) < 2:
            return None
        anchor = (customers or agents)[0]
        known = self.shown.get(anchor.id)
        connected = [one for one in agents if one.id in self._bridge_of]
        direction: Literal["inbound", "outbound"] = "inbound"
        if agents and age(agents[0]) < age(anchor):
            direction = "outbound"
        reason = self._refusal([anchor, *members])
        settings = self._settings
        contact_point = self._variable([anchor, *members], settings.contact_point_variable)
        contact_point = contact_point or (known.contact_point if known else anchor.dialplan.exten)
        return Interaction(
            id=anchor.id,
            channel="voice",
            direction=known.direction if known else direction,
            agents=tuple(
                agent for one in (connected or agents) if (agent := self._agent(one)) is not None
            ),
            customer=_text(anchor.caller.number or anchor.caller.name or anchor.endpoint),
            contact_point=_text(contact_point),
            queue=_text(self._variable([anchor, *members], settings.queue_variable)),
            flow=_text(self._variable([anchor, *members], settings.flow_variable)),
            state=self._state(call, anchor, bool(connected or not agents), known),
            started_at=anchor.creationtime,
            monitorable=reason is None,
            not_monitorable_reason=reason,
        )

    def _state(
        self, call: set[str], anchor: wire.Channel, complete: bool, known: Interaction | None
    ) -> InteractionState:
        if self.company(self.bridge_of(anchor.id)) > 1 and complete:
            return "on-hold" if call & self._held else "in-conversation"
        if anchor.technology == "Local" and anchor.state == "Up":
            return "in-conversation"
        return "transferring" if known is not None and known.state in TALKING else "ringing"

    def _refusal(self, members: list[wire.Channel]) -> EndReason | None:
        settings = self._settings
        if not settings.monitoring_variable:
            return None
        value = self._variable(members, settings.monitoring_variable) or self.global_monitoring
        if value == settings.monitoring_absent:
            return EndReason.NO_MONITORING_OBJECT
        return EndReason.MONITORING_DISABLED if value == settings.monitoring_off else None

    def _variable(self, members: list[wire.Channel], name: str) -> str:
        values = (self._variables.get(one.id, {}).get(name, "") for one in members)
        return next((value for value in values if value), "") if name else ""

    def _agent(self, channel: wire.Channel) -> Agent | None:
        endpoint = channel.endpoint
        for one in self._settings.agents:
            if fnmatchcase(endpoint, one.endpoint):
                return Agent(endpoint[:MAX_TEXT], _text(one.name or endpoint))
        return None


def _text(text: str) -> str:
    return _CONTROL.sub(" ", text)[:MAX_TEXT]
