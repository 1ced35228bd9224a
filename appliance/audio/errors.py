"""What can be wrong with a headset, and ALSA's error numbers in words that say what to do."""

from __future__ import annotations

import errno
import os

from appliance.service.errors import BargeboxError


class HeadsetError(BargeboxError):
    """The headset cannot be used now: ``headset_missing``, ``headset_busy``,
    ``headset_unsuitable``, ``headset_stalled`` or ``headset_failed``. It is tried again.
    """

    code = "headset_failed"


_WORDS = {
    errno.EBUSY: ("headset_busy", "is in use by another program; close that program"),
    errno.EACCES: ("headset_failed", "may not be used; let the box's user into the group audio"),
    errno.EPERM: ("headset_failed", "may not be used; let the box's user into the group audio"),
    errno.ENOENT: ("headset_missing", "is not known to ALSA; check the headset setting"),
    errno.ENODEV: ("headset_missing", "was unplugged; plug it in again"),
    errno.ENXIO: ("headset_missing", "is not there; plug it in"),
    errno.ECONNREFUSED: ("headset_missing", "is not there; plug it in"),
    errno.EIO: ("headset_missing", "does not answer any more; plug it in again"),
    errno.EINVAL: ("headset_unsuitable", "does not offer 48 kHz 16-bit sound; use another one"),
}


def explain(fault: Exception | int, part: str, pcm: str) -> HeadsetError:
    """An ALSA fault in words. *fault* is an exception of pyalsaaudio, which tells the number only
    as text (``strerror [device]``), or a positive error number; *part* is the headset's part.
    """
    if isinstance(fault, int):
        number, text = fault, os.strerror(fault)
    else:
        text = str(fault).rpartition(" [")[0] or str(fault)
        number = next((known for known in _WORDS if os.strerror(known) == text), 0)
    code, words = _WORDS.get(number, ("headset_failed", f"failed ({text}); plug it in again"))
    return HeadsetError(f"the headset's {part} ({pcm}) {words}", code=code)
