"""What the first start tells of each step, in English with gaps; the page translates it."""

from __future__ import annotations

from typing import Final

VERIFIED: Final = {
    "password": "The one-time password was changed.",
    "name": "The box is called {name}; its time zone is {zone}.",
    "network": "{device} is connected with {addresses}; the gateway is {gateway}.",
    "time": "The clock is synchronised with {server}.",
    "time_unnamed": "The clock is synchronised.",
    "time_by_hand": "The clock is set by hand, not from the network.",
    "certificate_own": "The box serves the page with a certificate of its own until {until}.",
    "certificate": "The page is served with a certificate of {issuer} until {until}.",
    "platform": "{platform} can be used: all steps of the test passed ({steps}).",
    "headset": "{headset}: the tone was heard, and the voice came with {level} dB.",
    "panel": "Both buttons were pressed, and both lamps were seen.",
    "supervisor": "{name} may monitor calls.",
}
"""What was found to be so."""

NOT_VERIFIED: Final = {
    "password": "The first account still has its one-time password.",
    "network_pending": "A change of the network waits to be kept. Keep it or undo it first.",
    "network_none": "No network is connected. Plug in a cable, or set an address.",
    "network_gateway": "{device} has an address but no gateway, so other networks are not reached.",
    "time": (
        "The clock is not synchronised: no time server has answered yet. "
        "Name one of your network’s, or set the time by hand."
    ),
    "certificate_plain": "The page is served without encryption (console.https).",
    "certificate_ends": "The certificate ends soon. Upload another one.",
    "platform_step": "The test of the connection failed. {detail}",
    "platform_away": "The box does not list the platform’s calls yet. Wait a moment and try again.",
    "headset_none": "No headset plays. Plug one in.",
    "headset_tone": "Play the tone first.",
    "headset_heard": "The tone was not heard. Check the volume, and that the headset is worn.",
    "headset_voice": "No voice came from the microphone. Speak while it is open.",
    "headset_seen": "The meter did not follow the voice. Check the headset’s own mute switch.",
    "panel_buttons": "Press both buttons of the box while the panel is checked.",
    "panel_lamps": "Have both lamps light, and look at them.",
    "panel_seen": "A lamp was not seen to blink. Check its wires.",
    "supervisor": "Nobody but the first account may monitor calls yet. Make an account.",
}
"""Why a step cannot be called done."""
