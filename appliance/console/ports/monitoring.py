"""The one session, the box's headset and buttons, and what people want to be told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from appliance.control_link.events import Levels, Quality
from appliance.control_link.states import CheckResult, HeadsetFound, Press
from appliance.control_link.words import Audience, Button, CheckKind, Lamp
from appliance.monitoring.check_view import CheckView
from appliance.monitoring.desk import Alert
from appliance.monitoring.policy import Account
from appliance.monitoring.session import DeviceView, MonitoringView
from appliance.monitoring.terms import NOTHING_GIVEN, Given, Terms
from appliance.monitoring.watches import Key, Watched

Notice = MonitoringView | DeviceView | Levels | Quality | Alert | CheckView
Unlisten = Callable[[], None]


class Monitoring(Protocol):
    """The one monitoring session of the box, and the box as its leg process reports it."""

    def current(self) -> MonitoringView:
        """The session as it truly stands."""

    def device(self) -> DeviceView:
        """Headset, lamps, volume, board."""

    terms: Terms
    """What the site asks before each call."""

    async def monitor(
        self, account: Account, interaction_id: str, given: Given = NOTHING_GIVEN
    ) -> MonitoringView:
        """Join silently, *given* what the terms ask for; returns once the leg listens."""

    async def monitor_next(self, account: Account, given: Given = NOTHING_GIVEN) -> MonitoringView:
        """Leave and join the next of the account's last list silently; ``no_next``: stay."""

    async def set_microphone(
        self,
        account: Account,
        muted: bool,
        audience: Audience | None = None,
        *,
        only_live: bool = False,
        session_id: str | None = None,
    ) -> MonitoringView:
        """Mute, barge in or coach; returns when the gate did. Without audience: as it was. With
        *only_live* who is muted stays so (``stale``), and with *session_id* who is in another
        session (``other_call``).
        """

    async def hang_up(self, account: Account) -> None:
        """Leave; the call itself goes on."""

    async def set_volume(self, percent: int) -> None:
        """Downlink volume, percent of full."""

    async def self_test(self) -> list[CheckResult]:
        """Check headset and panel; refused (``busy``) in a call."""

    async def headsets(self) -> list[HeadsetFound]:
        """Those that are plugged in; none while the leg is away."""

    def announce(self, account: str) -> None:
        """The box says that a call began that *account* watches for, where that disturbs nobody."""

    async def close(self) -> Callable[[], None]:
        """Begin no session until what this returns is called; ``busy`` in a call."""

    def listen_presses(self, listener: Callable[[Press], None]) -> Unlisten:
        """Call *listener* on the loop at each press of the box's buttons; it must not block."""

    async def show_recovery(self, on: bool) -> None:
        """Both lamps tell that a password can be set anew, or no more; refused in a call."""

    def listen(self, listener: Callable[[Notice], None]) -> Unlisten:
        """Call *listener* on the loop at each change; it must not block."""


class Watches(Protocol):
    """Agents and queues whose next call an account wants to be told of."""

    async def of(self, account: str) -> list[Watched]:
        """What it watches."""

    async def add(self, account: str, watched: Watched) -> None:
        """One more; `WatchError` (``too_many_watches``) beyond the most."""

    async def remove(self, account: str, key: Key) -> None:
        """One less."""


class Checks(Protocol):
    """Headset and panel as a person tries them, in idle; else ``busy``."""

    now: CheckView

    async def begin(self, who: str, kind: CheckKind) -> CheckView:
        """Begin; the headset's opens the microphone for at most 30 s."""

    async def end(self) -> CheckView:
        """End what runs."""

    async def tone(self) -> CheckView:
        """Play a tone in the ear; ``headset_lost`` without one."""

    async def light(self, lamp: Lamp | None) -> CheckView:
        """Have a lamp blink, or none; ``no_check`` unless the panel is being checked."""


class Panel(Protocol):
    """The buttons of a board that has none of its own."""

    async def press(self, button: Button, down: bool) -> None:
        """A finger goes down on a button, or up."""
