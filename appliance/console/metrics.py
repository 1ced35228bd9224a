"""Counters of the page and their Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from appliance.control_link.events import Quality
from appliance.monitoring.session import DeviceView, MonitoringView

SILENCE = -100.0
"""dBFS shown while no call runs."""
RECENT = 60
"""Measurements of quality that are kept for pages that open later: a minute."""
SOUND = (
    ("mos", "MOS by the E-model (ITU-T G.107.1), 1 to 4.5.", "mos", 1),
    ("packets_lost_ratio", "Packets that did not come, 0 to 1.", "lost_percent", 100),
    ("concealed_ratio", "Sound made up or recovered, 0 to 1.", "concealed_percent", 100),
    ("stretched_ratio", "Sound left out or said twice, 0 to 1.", "stretched_percent", 100),
    ("jitter_seconds", "Interarrival jitter (RFC 3550).", "jitter_ms", 1000),
    ("jitter_buffer_seconds", "Sound that waits in the jitter buffer.", "delay_ms", 1000),
    ("round_trip_seconds", "Round trip, from RTCP.", "round_trip_ms", 1000),
    ("mouth_to_ear_seconds", "Delay from mouth to ear, estimated.", "mouth_to_ear_ms", 1000),
)
"""The gauges of the last second: name, words, field of `Quality`, and what makes one unit."""


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
    quality: Quality | None = None
    """The running session's last second."""

    _recent: deque[float | None] = field(default_factory=lambda: deque(maxlen=RECENT))
    _session: str | None = None
    _live: bool = False

    def saw_session(self, view: MonitoringView) -> None:
        """Count joins, barges and ends from the changes of the one session."""
        running = view.session_id if view.state not in ("idle", "ended") else None
        if self._session is not None and running != self._session:
            if view.last_end is not None:
                self.ends[view.last_end.reason] += 1
            self.levels = (SILENCE, SILENCE)
            self.quality = None
            self._recent.clear()
        if running is not None and running != self._session:
            self.sessions += 1
        live = running is not None and view.state == "live"
        if live and not self._live:
            self.barges += 1
        self._session, self._live = running, live

    def saw_quality(self, quality: Quality) -> None:
        """Keep what the leg measured in the last second."""
        self.quality = quality
        self._recent.append(quality.mos)

    def recent_mos(self) -> list[float | None]:
        """MOS of the running session's last minute, oldest first."""
        return list(self._recent)


def prometheus(
    counters: Counters,
    *,
    view: MonitoringView,
    device: DeviceView,
    active: int,
    platform_connected: bool,
    certificate_expires_s: float | None,
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
        *_sound(counters.quality if running and device.leg_connected else None),
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
        _labelled(
            "certificate_expires_seconds",
            "gauge",
            "Until the page's certificate ends; none where it is served without.",
            [] if certificate_expires_s is None else [("", certificate_expires_s)],
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


def _sound(quality: Quality | None) -> list[str]:
    """How the call sounded in the last second; what is not known has no sample."""
    families = []
    for name, words, figure, per_unit in SOUND:
        value: float | None = getattr(quality, figure, None)
        samples = [] if value is None else [("", value / per_unit)]
        families.append(_labelled(f"leg_{name}", "gauge", words, samples))
    return families


def _gate(running: bool, view: MonitoringView) -> int:
    if running and view.muted is None:
        return -1
    return int(running and view.muted is False)


def _family(name: str, kind: str, words: str, value: float) -> str:
    return _labelled(name, kind, words, [("", value)])


def _labelled(name: str, kind: str, words: str, values: Iterable[tuple[str, float]]) -> str:
    head = f"# HELP bargebox_{name} {words}\n# TYPE bargebox_{name} {kind}\n"
    return head + "".join(f"bargebox_{name}{labels} {value:g}\n" for labels, value in values)
