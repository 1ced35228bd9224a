from __future__ import annotations

import errno
import os

import pytest

from appliance.audio.errors import explain


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.EBUSY, "headset_busy", "in use by another program"),
        (errno.ENODEV, "headset_missing", "was unplugged"),
        (errno.ENOENT, "headset_missing", "check the headset setting"),
        (errno.EACCES, "headset_failed", "group audio"),
        (errno.EINVAL, "headset_unsuitable", "48 kHz"),
        (errno.ENOMEM, "headset_failed", "Cannot allocate memory"),
    ],
)
def test_alsa_errors_say_what_to_do(number: int, code: str, words: str) -> None:
    by_text = explain(RuntimeError(f"{os.strerror(number)} [plughw:CARD=UC]"), "microphone", "UC")
    for error in (by_text, explain(number, "microphone", "UC")):
        assert error.code == code
        assert words in error.detail
        assert "microphone (UC)" in error.detail


def test_a_text_without_a_device_is_kept() -> None:
    assert "odd thing" in explain(RuntimeError("odd thing"), "earpiece", "UC").detail
