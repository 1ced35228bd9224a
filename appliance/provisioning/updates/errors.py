"""Why something about an update is not done, in words that say what to do."""

from __future__ import annotations

from typing import Final

from appliance.provisioning.bus import BusError
from appliance.service.errors import BargeboxError

WORDS: Final = {
    "update_busy": "A bundle is being uploaded or looked at. Try again in a moment.",
    "installing": "An update is being installed. Wait until it has ended.",
    "no_bundle": "Choose a bundle first.",
    "empty_file": "The file is empty. Choose the bundle, a file that ends in .raucb.",
    "no_space": (
        "There is no room for this file on the box: {needed} MB are needed, and {free} MB are "
        "free. See the page Health."
    ),
    "not_kept": "The file cannot be kept on the box: {reason}. See the page Health.",
    "too_slow": "The upload took longer than {minutes} minutes and was given up. Use a USB stick.",
    "not_a_bundle": "This is no update of a Bargebox. Choose a file that ends in .raucb.",
    "bundle_cut_short": "The file is not complete. Get it once more.",
    "bundle_untrusted": (
        "The file is not signed by anybody whom this box takes updates from, or it was changed on "
        "the way. Get it once more, from where updates for this box come from."
    ),
    "wrong_compatible": (
        "This update is for another kind of box ({found}); this one is {own}. Get the one for it."
    ),
    "older_version": (
        "{version} is not newer than what runs ({running}). Settings and history may not be "
        "understood by it. Confirm that it shall be installed all the same."
    ),
    "bundle_unreachable": (
        "The box does not get the update from there. Check the address, the network, and whether "
        "the box believes the server (page Certificate)."
    ),
    "address_not_https": "Give an address that begins with https://, and no other kind.",
    "address_with_name": (
        "Leave name and password out of it: the address is shown and kept on record."
    ),
    "no_streaming": "The updater of this box cannot read from a server. Upload the file instead.",
    "slot_unwritable": "The other slot cannot be written. The card may be worn out.",
    "update_refused": "The updater refused: {reason}.",
    "update_interrupted": (
        "The updater stopped in the middle. The box starts as before; install the update once more."
    ),
    "stick_gone": "This file is on no stick any more. Plug it in again.",
    "nothing_to_restart": "The box runs what it would start next. Install an update first.",
    "slot_unknown": "There is no such slot.",
    "slot_unfit": "What is in this slot did not start well. Install an update into it.",
}
"""By code; the detail of each error, its gaps filled in."""

NO_UPDATER: Final = "This box cannot be updated on this page: its updater (RAUC) does not run."

BUSY: Final = "already processing"
"""In RAUC's words while it does something else."""

_TOLD: Final = (
    ("compatible mismatch", "wrong_compatible"),
    ("signature", "bundle_untrusted"),
    ("certificate verify", "bundle_untrusted"),
    ("no space left", "slot_unwritable"),
    ("input/output error", "slot_unwritable"),
    ("image doesn't fit", "slot_unwritable"),
    ("streaming support", "no_streaming"),
    ("remote uri", "no_streaming"),
    ("unsupported uri", "no_streaming"),
    ("download", "bundle_unreachable"),
    ("nbd", "bundle_unreachable"),
    ("curl", "bundle_unreachable"),
    ("identifier", "not_a_bundle"),
    ("squashfs", "bundle_cut_short"),
)
"""What RAUC's words have in them, and the code that it means; the first that fits."""


class UpdateError(BargeboxError):
    """Nothing was done, or it failed; ``code`` is one of `WORDS`."""

    def __init__(self, code: str, **gaps: object) -> None:
        super().__init__(WORDS[code].format(**gaps), code=code)


def of_rauc(words: str, **known: str) -> UpdateError:
    """What RAUC said, for people; *known* has what fills the gaps of a mismatch."""
    low = words.lower()
    code = next((code for part, code in _TOLD if part in low), "update_refused")
    if code == "wrong_compatible" and not known:
        code = "update_refused"
    if code == "update_refused":
        return UpdateError(code, reason=words.strip().rstrip(".") or "it gave no reason")
    return UpdateError(code, **(known if code == "wrong_compatible" else {}))


def of_bus(error: BusError) -> BargeboxError:
    """Of an order that RAUC did not take: its own words, or that it is not there."""
    if error.code != BusError.code or not error.name:
        return error
    if BUSY in error.detail.lower():
        return UpdateError("installing")
    return of_rauc(error.detail.partition(" refused: ")[2] or error.detail)
