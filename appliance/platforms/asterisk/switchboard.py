"""What is connected with what on one server.

A call is what hangs together by bridges, dialling, and the two halves of Local channels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from appliance.platforms.asterisk import wire

_NOT_A_PARTY = ("Snoop", "Surrogate", "Announcer", "Recorder", "CBAnn", "CBRec")


class Switchboard:
    """Channels and the bridges that they are in."""

    def __init__(self) -> None:
        self.ours: set[str] = set()
        """Channels that a box made, this one or another."""
        self._channels: dict[str, wire.Channel] = {}
        self._bridge_of: dict[str, str] = {}
        self._members: defaultdict[str, set[str]] = defaultdict(set)
        self._dialled: defaultdict[str, set[str]] = defaultdict(set)
        self._halves: defaultdict[str, set[str]] = defaultdict(set)

    def knows(self, channel_id: str) -> bool:
        """Whether the channel is there."""
        return channel_id in self._channels

    def name_of(self, channel_id: str) -> str:
        """The channel's name; empty when it is gone."""
        channel = self._channels.get(channel_id)
        return channel.name if channel else ""

    def named(self, name: str) -> str:
        """The id of the channel of that name; empty when there is none."""
        return next((one.id for one in self._channels.values() if one.name == name), "")

    def bridge_of(self, channel_id: str) -> str:
        """The bridge that the channel is in; empty when in none."""
        return self._bridge_of.get(channel_id, "")

    def company(self, bridge_id: str) -> int:
        """How many channels are in a bridge, ours left aside."""
        return len(self._members.get(bridge_id, set()) - self.ours)

    def beside(self, channel_id: str) -> list[wire.Channel]:
        """Who else of its call is in a bridge; real channels come first, and then the oldest."""
        others = self._together(channel_id) & self._bridge_of.keys() - {channel_id}
        channels = [self._channels[one] for one in others]
        return sorted(channels, key=lambda one: (one.technology == "Local", age(one)))

    # -- what happens

    def _clear(self) -> None:
        for kept in (self._channels, self._bridge_of, self._members, self._dialled, self._halves):
            kept.clear()
        self.ours.clear()

    def _update(self, channel: wire.Channel) -> None:
        self._channels[channel.id] = channel
        if wire.handle_of(channel.id) is not None:
            self.ours.add(channel.id)
        if channel.technology == "Local":
            self._halves[channel.name.rpartition(";")[0]].add(channel.id)

    def _dial(self, caller: str, peer: str) -> None:
        self._dialled[peer].add(caller)
        self._dialled[caller].add(peer)

    def _enter(self, channel_id: str, bridge_id: str) -> None:
        self._leave(channel_id)
        self._bridge_of[channel_id] = bridge_id
        self._members[bridge_id].add(channel_id)

    def _leave(self, channel_id: str) -> None:
        if (bridge := self._bridge_of.pop(channel_id, None)) is not None:
            self._members[bridge].discard(channel_id)
            if not self._members[bridge]:
                del self._members[bridge]

    def _remove(self, channel_id: str) -> None:
        self._leave(channel_id)
        channel = self._channels.pop(channel_id, None)
        self.ours.discard(channel_id)
        for other in self._dialled.pop(channel_id, ()):
            if (others := self._dialled.get(other)) is not None:
                others.discard(channel_id)
        if channel is not None and channel.technology == "Local":
            name = channel.name.rpartition(";")[0]
            self._halves[name].discard(channel_id)
            if not self._halves[name]:
                del self._halves[name]

    # -- what hangs together

    def _around(self, touched: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for one in touched:
            if one not in found:
                found |= self._together(one)
        return found

    def _together(self, channel_id: str) -> set[str]:
        """All channels of one call; ours belong to none."""
        found: set[str] = set()
        waiting = {channel_id}
        while waiting:
            one = waiting.pop()
            channel = self._channels.get(one)
            if channel is None or one in self.ours or channel.technology in _NOT_A_PARTY:
                continue
            found.add(one)
            waiting |= self._members.get(self._bridge_of.get(one, ""), set()) - found
            waiting |= self._dialled.get(one, set()) - found
            if channel.technology == "Local":
                waiting |= self._halves.get(channel.name.rpartition(";")[0], set()) - found
        return found


def age(channel: wire.Channel) -> tuple[float, str]:
    """What orders channels from the oldest on."""
    return channel.creationtime.timestamp(), channel.id
