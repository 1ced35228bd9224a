"""Words of the page of the first start."""

from __future__ import annotations

STEPS = {
    "password": ("New password", "The one-time password of the first start is used up."),
    "name": ("Name and time zone", "What people call the box, and in which zone it stands."),
    "network": (
        "Network",
        "How the box is reached. A change is undone by itself unless you keep it.",
    ),
    "time": ("Time", "Records and certificates need the right time."),
    "certificate": (
        "Certificate",
        "By which browsers know this page. The box’s own will do; compare its fingerprint with "
        "the one that your browser shows.",
    ),
    "platform": ("Call platform", "Where the calls are. Fill it in, test it, and use it."),
    "headset": ("Headset", "Put the headset on."),
    "panel": ("Buttons and lamps", "The two buttons of the box and their lamps."),
    "supervisor": (
        "First supervisor",
        "Who is to monitor calls. The one-time password is told once: hand it over.",
    ),
}
"""Of each step its title, and what it is about."""

STATES = {"open": "Open", "done": "✓ Done", "aside": "Set aside for later"}
