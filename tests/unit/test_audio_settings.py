from __future__ import annotations

import pytest
from pydantic import ValidationError

from appliance.audio.settings import AudioSettings


@pytest.mark.parametrize(
    "headset",
    [
        "auto",
        "usb-serial:A0:12 x",
        "usb-port:1-1",
        "usb-port:3-1.2.14",
        "pcm:bargebox_headset",
        "pcm:plughw:CARD=Headset,DEV=0",
    ],
)
def test_a_headset_is_named_by_what_stays_the_same(headset: str) -> None:
    assert AudioSettings(headset=headset).headset == headset


@pytest.mark.parametrize(
    ("headset", "words"),
    [
        ("", "names no headset"),
        ("1", "names no headset"),
        ("usb:1", "names no headset"),
        ("usb-serial:", "names no headset after"),
        ("usb-serial: 12", "names no headset after"),
        ("pcm:a\nb", "names no headset after"),
        ("usb-port:card1", "no USB port path"),
        ("pcm:hw:0", "by its number"),
        ("pcm:plughw:1,0", "by its number"),
        ("pcm:hw:CARD=2,DEV=0", "by its number"),
        ("pcm:default:1", "by its number"),
    ],
)
def test_anything_else_is_refused_with_words(headset: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AudioSettings(headset=headset)


@pytest.mark.parametrize(
    "wrong", [{"period_ms": 1}, {"period_ms": 40}, {"periods": 2}, {"periods": 99}, {"card": 0}]
)
def test_sizes_have_bounds(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        AudioSettings.model_validate(wrong)


def test_a_period_of_10_ms_is_480_frames() -> None:
    assert AudioSettings().period_frames == 480
