"""Settings of the leg."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LegSettings(BaseModel):
    """Media, time-outs and the encoder; the defaults suit an office network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    loopback_candidates: bool = False
    """Offer 127.0.0.1 as well: for the sandbox on the same machine."""

    connect_timeout_s: float = Field(10.0, gt=0, le=60)
    """From the answer to the first packet; then the session ends with ``media_lost``."""
    interrupted_after_s: float = Field(2.0, gt=0, le=30)
    """Without a packet for so long the leg is ``interrupted`` and the gate closes."""
    media_timeout_s: float = Field(10.0, gt=0, le=120)
    """Without a packet for so long the connection is ``lost``, and control makes a fresh one."""
    control_timeout_s: float = Field(5.0, gt=0, le=30)
    """Without a line from control for so long the leg hangs up."""
    consent_timeout_s: float = Field(2.0, gt=0, le=10)
    """How long an un-mute waits for consent and for the microphone's first frame."""

    bitrate: int = Field(64_000, ge=12_000, le=128_000)
    """Opus bits per second of the uplink."""
    complexity: int = Field(5, ge=0, le=10)
    """Opus encoder complexity."""
    expected_loss_percent: int = Field(2, ge=0, le=50)
    """How much loss the in-band error correction prepares for at least; the other side's reports
    raise it to 10."""
    dtx: bool = False
    """Send nothing while the supervisor pauses with the microphone open (RFC 7587 section 3.1.3).
    It saves a few kb/s; some platforms take a leg that is still for dead."""
    pre_roll_ms: int = Field(400, ge=0, le=1000)
    """How much of what is said between the press and consent is kept, and sent once there is
    consent, so that the first word is not clipped; where consent takes longer, the newest so many
    milliseconds. Nothing from before the press, and nothing at all if consent is refused. 0: what
    is said before consent is not sent."""
    volume: int = Field(80, ge=0, le=100)
    """Downlink volume at start, percent."""
    gain_db: float = Field(0.0, ge=-12, le=24)
    """More than full volume, for calls that are faint; earcons are not louder by it."""
    levelling: bool = True
    """Bring loud and faint talkers to one level, slowly, by 12 dB at most."""
    placement: Literal["off", "partial", "full"] = "partial"
    """Agents to the left, customers to the right, where the platform sends each by itself:
    ``partial`` is 70 % of the power in the nearer ear, ``full`` all of it."""
    headset_full_scale_db_spl: float = Field(122.0, ge=90, le=140)
    """How loud the headset is at digital full scale, by its data sheet; 122 dB is the most that
    Jabra tells of any of its headsets."""
    headset_limit_db_spl: float = Field(118.0, ge=85, le=118)
    """No peak is louder: 118 dB is the limit of ITU-T P.360, ACIF G616 asks for 102."""
    live_reminder_s: float = Field(60.0, ge=5)
    """A soft tone each so many seconds while live."""

    @property
    def ceiling_dbfs(self) -> float:
        """The digital peak that is as loud as the limit."""
        return self.headset_limit_db_spl - self.headset_full_scale_db_spl
