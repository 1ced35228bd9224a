"""The parts of the document about the box itself: its name, its clock."""

from __future__ import annotations

from appliance.provisioning.box.clock import ClockSettings, ClockView
from appliance.provisioning.box.names import NameSettings, NamesView
from appliance.provisioning.site_file.document import SiteFile
from appliance.provisioning.site_file.plan import Outcome
from appliance.provisioning.site_file.services import Faults, Services


class BoxName:
    """What the box is called."""

    def concerns(self, document: SiteFile) -> bool:
        """A name is given."""
        box = document.box
        return box is not None and (box.name is not None or box.description is not None)

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """Whether it can be called something."""
        view = await box.system.names.view()
        return {} if view.managed else {"box.name": view.detail}

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Call it that."""
        view = await box.system.names.view()
        wanted = _names(view, document)
        if (view.name, view.description) != (wanted.name, wanted.description):
            view = await box.system.names.rename(who, wanted)
        good = (view.name, view.description) == (wanted.name, wanted.description)
        said = f"The box is called {view.name}."
        return Outcome(part="box", good=good, words=said)


def _names(view: NamesView, document: SiteFile) -> NameSettings:
    part = document.box
    assert part is not None
    name = view.name if part.name is None else part.name
    about = view.description if part.description is None else part.description
    return NameSettings(name=name, description=about)


class BoxTime:
    """Its time zone, and where its time comes from."""

    def concerns(self, document: SiteFile) -> bool:
        """A zone or time servers are given."""
        zone = None if document.box is None else document.box.time_zone
        return zone is not None or document.time is not None

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """Whether there is such a zone, and a service that gets the time."""
        view = await box.system.clock.view()
        zone = None if document.box is None else document.box.time_zone
        field = "time" if zone is None else "box.time_zone"
        if not view.managed:
            return {field: view.detail}
        if zone is not None and zone not in await box.system.clock.zones():
            return {field: "There is no such time zone."}
        if _clock(view, document).ntp and not view.can_ntp and document.time is not None:
            return {"time.ntp": "This box has no service that gets the time from the network."}
        return {}

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Set the clock so."""
        view = await box.system.clock.view()
        wanted = _clock(view, document)
        if _clock_of(view) != wanted:
            view = await box.system.clock.set(who, wanted)
        servers = f", from {', '.join(view.servers)}" if view.servers else ""
        said = f"The time zone is {view.time_zone}; the time comes "
        said += f"from the network{servers}." if view.ntp else "from nowhere but the box."
        return Outcome(part="time", good=_clock_of(view) == wanted, words=said)


def _clock(view: ClockView, document: SiteFile) -> ClockSettings:
    zone = None if document.box is None else document.box.time_zone
    time = document.time
    ntp = view.ntp if time is None or time.ntp is None else time.ntp
    servers = tuple(view.servers) if time is None or time.servers is None else time.servers
    if time is not None and time.ntp is None and time.servers:
        ntp = True  # whoever names servers means them to be asked
    return ClockSettings(time_zone=zone or view.time_zone, ntp=ntp, servers=servers)


def _clock_of(view: ClockView) -> ClockSettings:
    return ClockSettings(time_zone=view.time_zone, ntp=view.ntp, servers=tuple(view.servers))
