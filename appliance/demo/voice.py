"""The demo's supervisor: what the virtual headset's microphone hears, spoken by espeak-ng."""

from __future__ import annotations

import subprocess
from pathlib import Path

from appliance.service.errors import BargeboxError

TEXT = (
    "Hello, this is your supervisor. I am listening and can help with this call. "
    "Offer the customer an appointment on Thursday morning."
)
LIMIT_S = 20


def supervisor_voice(path: Path) -> Path:
    """Speak into the WAV file *path*. Raises `BargeboxError` when espeak-ng is missing."""
    try:
        subprocess.run(
            ["espeak-ng", "-v", "en-gb+f4", "-s", "150", "-w", str(path), TEXT],
            check=True,
            timeout=LIMIT_S,
            capture_output=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BargeboxError(
            "espeak-ng is needed for the demo's voices; install it with 'make demo'.",
            code="demo",
        ) from error
    return path
