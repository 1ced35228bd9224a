"""The box itself: its services, its certificates, and how far its first start is.

Control serves with them, and a document of settings is applied to them before it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from appliance.monitoring.audit import Audit
from appliance.monitoring.store import Store
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.folder import CertificateFolder
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.certificates.names import box_names
from appliance.provisioning.first_start.first_start import FirstStart
from appliance.provisioning.neighbours import Calls
from appliance.provisioning.system import System, make_system
from appliance.settings import Settings


@dataclass(frozen=True, slots=True)
class BoxParts:
    """Made, and not begun."""

    system: System
    certificates: CertificateKeeper
    authorities: Authorities
    first_start: FirstStart


def make_box_parts(settings: Settings, store: Store, audit: Audit, calls: Calls) -> BoxParts:
    """Those of the box with these *settings*; *calls* keeps a restart out of a call."""
    box, console = settings.box, settings.console
    system = make_system(
        box.system_bus, settings.network, box.time_servers, audit, calls, settings.updates
    )
    folder = CertificateFolder(box.certificates)
    names = partial(box_names, (*console.names, console.host), lambda: system.names.now)
    return BoxParts(
        system=system,
        certificates=CertificateKeeper(folder, audit, names, fixed=console.tls_pair),
        authorities=Authorities(folder, audit),
        first_start=FirstStart(store, audit),
    )
