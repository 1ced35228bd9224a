"""Counters of the page and their Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from appliance.monitoring.session import DeviceView, MonitoringView

SILENCE = -100.0
"""dBFS shown while no call runs."""


@dataclass(slots=True)
class Counters:
    """Counted since this process began."""

    event_clients: int = 0
    displaced: int = 0
    """Connections that gave way to others."""
    sign_ins: int = 0
    sign_in_failures: int = 0
    sessions: int = 0
    barges: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    levels: tuple[float, float] = (SILENCE, SILENCE)
    """Downlink and uplink, dBFS."""

    _session: str | None = None
    _live: bool = False

    def saw_session(self, view: MonitoringView) -> None:
        """Count joins, barges and ends from the changes of the one session."""
        running = view.session_id if view.state not in ("idle", "ended") else None
        if self._session is not None and running != self._session:
            if view.last_end is not None:
                self.ends[view.last_end.reason] += 1
            self.levels = (SILENCE, SILENCE)
        if running is not None and running != self._session:
            self.sessions += 1
        live = running is not None and view.state == "live"
        if live and not self._live:
            self.barges += 1
        self._session, self._live = running, live


def prometheus(
    counters: Counters,
    *,
    view: MonitoringView,
    device: DeviceView,
    active: int,
    platform_connected: bool,
) -> str:
    """The text of ``/metrics``."""
    running = view.state not in ("idle", "ended")
    ends = [(f'{{reason="{reason}"}}', n) for reason, n in sorted(counters.ends.items())]
    levels = [
        ('{direction="downlink"}', counters.levels[0]),
        ('{direction="uplink"}', counters.levels[1]),
    ]
    families = [
        _family("sessions_total", "counter", "Monitoring sessions begun.", counters.sessions),
        _labelled("session_ends_total", "counter", "Sessions ended, by reason.", ends),
        _family("barges_total", "counter", "Times the supervisor became audible.", counters.barges),
        _family("session_running", "gauge", "A monitoring session runs.", int(running)),
        _family("microphone_open", "gauge", "1 open, 0 muted, -1 unknown.", _gate(running, view)),
        _labelled("level_dbfs", "gauge", "Loudness over 100 ms.", levels),
        _family("interactions_active", "gauge", "Active interactions.", active),
        _family("platform_connected", "gauge", "Platform reachable.", int(platform_connected)),
        _family("leg_connected", "gauge", "Leg process reachable.", int(device.leg_connected)),
        _family("headset_present", "gauge", "Headset plugged in.", int(device.headset.present)),
        _family(
            "playback_underruns_total",
            "counter",
            "Times the headset ran dry since the leg's start.",
            device.headset.underruns,
        ),
        _family("event_clients", "gauge", "Open event streams.", counters.event_clients),
        _family(
            "connections_displaced_total",
            "counter",
            "Connections ended because all places were taken.",
            counters.displaced,
        ),
        _family("sign_ins_total", "counter", "Sign-ins.", counters.sign_ins),
        _family(
            "sign_in_failures_total", "counter", "Refused sign-ins.", counters.sign_in_failures
        ),
    ]
    return "".join(families)


def _gate(running: bool, view: MonitoringView) -> int:
    if running and view.muted is None:
        return -1
    return int(running and view.muted is False)


def _family(name: str, kind: str, words: str, value: float) -> str:
    return _labelled(name, kind, words, [("", value)])


def _labelled(name: str, kind: str, words: str, values: Iterable[tuple[str, float]]) -> str:
    head = f"# HELP bargebox_{name} {words}\n# TYPE bargebox_{name} {kind}\n"
    return head + "".join(f"bargebox_{name}{labels} {value:g}\n" for labels, value in values)
