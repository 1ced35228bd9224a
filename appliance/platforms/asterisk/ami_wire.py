"""What AMI says in the words of `wire`, so that calls are listed as with ARI.

Channels in the boxes' own context are boxes' legs, whoever's: they are named as such.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import ValidationError

from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ami_text import AmiMessage

KINDS = {
    "Newchannel": "ChannelCreated",
    "Newstate": "ChannelStateChange",
    "NewCallerid": "ChannelCallerId",
    "HangupRequest": "ChannelHangupRequest",
    "SoftHangupRequest": "ChannelHangupRequest",
    "Hangup": "ChannelDestroyed",
    "Hold": "ChannelHold",
    "Unhold": "ChannelUnhold",
    "VarSet": "ChannelVarset",
    "BridgeEnter": "ChannelEnteredBridge",
    "BridgeLeave": "ChannelLeftBridge",
    "BridgeDestroy": "BridgeDestroyed",
    "DialBegin": "Dial",
    "ChanSpyStart": "ChanSpyStart",
    "ChanSpyStop": "ChanSpyStop",
}
"""The events that are listened to, and ARI's names of them."""
_PREFIXES = {
    "Dial": ("", "Dest"),
    "ChanSpyStart": ("Spyer", "Spyee"),
    "ChanSpyStop": ("Spyer", "Spyee"),
}
"""Before the fields of the two channels that an event tells of."""
_UNIQUE = re.compile(r"(?:.*-)?(\d{9,11})\.(\d{1,18})")
_UNKNOWN = "<unknown>"


class Translator:
    """Of one server; it remembers only when channels with unusual unique ids were seen first."""

    def __init__(self, spy_context: str) -> None:
        self._spy_context = spy_context
        self._seen: dict[str, datetime] = {}

    def event(self, message: AmiMessage) -> wire.Event | None:
        """The event, or None when it is one that we do not listen to, or cannot be used."""
        kind = KINDS.get(message.get("Event"))
        if kind is None:
            return None
        first, second = _PREFIXES.get(kind, ("", ""))
        bridge, cause = message.get("BridgeUniqueid"), message.get("Cause")
        try:
            channel = self.channel(message, first)
            other = self.channel(message, second) if second else None
            return wire.Event(
                type=kind,
                channel=None if kind == "Dial" else channel,
                caller=channel if kind == "Dial" else None,
                peer=other,
                bridge=wire.Bridge(id=bridge) if bridge else None,
                variable=message.get("Variable"),
                value=message.get("Value"),
                cause=int(cause) if re.fullmatch("[0-9]{1,5}", cause) else None,
            )
        except ValidationError:
            return None
        finally:
            if kind == "ChannelDestroyed":
                self._seen.pop(message.get("Uniqueid"), None)

    def listed(
        self, messages: Iterable[AmiMessage]
    ) -> tuple[list[wire.Channel], list[wire.Bridge]]:
        """The answer to ``CoreShowChannels``; what cannot be used is left aside."""
        channels: list[wire.Channel] = []
        members: defaultdict[str, list[str]] = defaultdict(list)
        for message in messages:
            try:
                channel = self.channel(message)
            except ValidationError:
                continue
            if channel is not None:
                channels.append(channel)
                if bridge := message.get("BridgeId"):
                    members[bridge].append(channel.id)
        bridges = [wire.Bridge(id=name, channels=tuple(those)) for name, those in members.items()]
        return channels, bridges

    def channel(self, message: AmiMessage, prefix: str = "") -> wire.Channel | None:
        """A channel of a message, or None where there is none. Raises ``ValidationError``."""

        def value(key: str) -> str:
            text = message.get(prefix + key)
            return "" if text == _UNKNOWN else text

        unique = value("Uniqueid")
        if unique in ("", "none") or not value("Channel"):
            return None
        variables = (text.partition("=") for text in message.all(f"{prefix}ChanVariable"))
        return wire.Channel(
            id=wire.leg_id(unique) if value("Context") == self._spy_context else unique,
            name=value("Channel"),
            state=value("ChannelStateDesc"),
            caller=wire.Caller(name=value("CallerIDName"), number=value("CallerIDNum")),
            dialplan=wire.Dialplan(exten=value("Exten")),
            creationtime=self._created(unique),
            channelvars={name: content for name, _, content in variables},
        )

    def _created(self, unique: str) -> datetime:
        """A unique id says when it was made, with a number that keeps the order."""
        if match := _UNIQUE.fullmatch(unique):
            made = datetime.fromtimestamp(int(match[1]), UTC)
            return made.replace(microsecond=int(match[2]) % 1_000_000)
        return self._seen.setdefault(unique, datetime.now(UTC))
