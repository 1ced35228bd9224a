"""What the contract suite asks of a platform under test: a site with calls, and people on them.

Each platform's folder here has a ``site.py`` that implements `Site` with the real server (or the
stand-in); the suite in ``test_contract.py`` knows nothing else of any platform.
"""

from __future__ import annotations

from typing import Any, Protocol

from appliance.platforms.protocol import Driver

LISTS_ONLY_MONITORABLE = frozenset({"cxengage", "cxengage-sip"})
"""Names of the sites whose platform does not list at all what may not be monitored. Asked for by
its id, such a call is refused there with the same reason.
"""

MIXES_ONLY_MONITORED = frozenset({"sandbox"})
"""Names of the sites where the parties have ears only while somebody monitors the call."""

SILENT_DBFS = -80.0
HEARD_DBFS = -45.0


class Party(Protocol):
    """An agent or a customer on a call: a mouth, an ear, and a screen."""

    async def tone(self, hz: float | None, dbfs: float = -20.0) -> None:
        """Sound a sine from now on, or stop."""

    async def level(self, hz: float, seconds: float = 1.0) -> float:
        """dBFS of that frequency (Goertzel) in what the party heard over the last seconds."""

    async def notices(self) -> list[str]:
        """Everything that its endpoint was told since the call began: signalling, events, roster
        entries. A silent join adds nothing to it.
        """

    async def hang_up(self) -> None:
        """End the call as this party."""


class SiteCall(Protocol):
    """A call that is up, agent and customer hearing each other."""

    id: str
    """The interaction's id as the driver lists it."""
    agent: Party
    customer: Party

    async def active(self) -> bool:
        """Whether agent and customer are still connected to each other."""

    async def transfer(self, agent_id: str) -> None:
        """Hand it over to another agent; ``agent`` is that one from then on."""

    async def hold(self, held: bool) -> None:
        """The agent puts the customer on hold, or takes them back."""

    async def remove_supervisors(self) -> None:
        """The platform's administrator throws every supervisor's leg out."""

    async def silence_supervisors(self) -> None:
        """Nothing more reaches any supervisor's leg, and nobody is told."""


class Site(Protocol):
    """A platform with a tenant. ``agent_ids`` are two agents that can take calls."""

    name: str
    agent_ids: tuple[str, str]

    def driver(self, **settings: object) -> Driver:
        """A new driver with the site's address and credentials; *settings* override fields of its
        section, such as a wrong password.
        """

    def settings(self) -> dict[str, Any]:
        """The driver's section of the settings file, for a box of its own at this site."""

    async def call(self, *, agent_id: str | None = None, monitoring: str = "on") -> SiteCall:
        """A new call; *monitoring* is ``on``, ``off`` (toggle) or ``absent`` (no object)."""

    async def ours(self) -> list[str]:
        """Whatever the platform holds of ours: channels, bridges, snoops, handles, legs."""

    def pid(self) -> int:
        """The server's process, which may be stopped for a while."""

    async def stop(self) -> None:
        """Stop the server's process as an accident would."""

    async def start(self) -> None:
        """Start it again; calls of before are gone."""

    async def regroup(self) -> None:
        """After an accident everybody else at the site connects again; their calls are gone."""

    async def listed(self, count: int) -> None:
        """Have at least *count* interactions in the list (they need not carry audio)."""

    wrong_credentials: dict[str, object]
    """Settings of the driver's section that the platform refuses."""
