"""Each codec against FFmpeg's, and what it makes up where packets are missing."""

from __future__ import annotations

import itertools
from typing import Literal

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext

from appliance.audio.levels import dbfs
from appliance.leg.codecs import g711, g722
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.noise import ComfortNoise
from appliance.leg.codecs.opus import FRAME, Samples
from appliance.leg.codecs.resample import Downsampler, Upsampler
from appliance.leg.codecs.stream import StreamDecoder
from appliance.leg.codecs.table import COMFORT_NOISE, G722, OPUS, PCMA, PCMU, SPOKEN
from appliance.leg.codecs.waveform import MAX_PAYLOAD
from tests.support.telephone import packets, steepest, tone, voice

TELEPHONE = (G722, PCMU, PCMA)
Law = Literal["pcm_mulaw", "pcm_alaw"]
TABLES: list[tuple[Law, Samples]] = [("pcm_mulaw", g711.MU_VALUES), ("pcm_alaw", g711.A_VALUES)]


def ffmpeg(name: Law, mode: Literal["r", "w"]) -> AudioCodecContext:
    context = av.CodecContext.create(name, mode)
    assert isinstance(context, AudioCodecContext)
    context.format, context.layout = av.AudioFormat("s16"), av.AudioLayout("mono")
    context.sample_rate = 8_000
    return context


def decoded(codec: Codec, payloads: list[bytes]) -> Samples:
    decoder = codec.decoder()
    return np.concatenate([decoder.decode(payload) for payload in payloads])


# -- the codecs themselves


@pytest.mark.parametrize(("name", "values"), TABLES)
def test_every_octet_means_what_it_means_to_others(name: Law, values: Samples) -> None:
    octets = bytes(range(256))
    frames = ffmpeg(name, "r").decode(av.Packet(octets))
    theirs = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    assert (g711.Expander(values)(octets) == theirs).all()


@pytest.mark.parametrize(("name", "values"), TABLES)
def test_no_sample_is_further_off_than_with_others(name: Law, values: Samples) -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(every[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = 8_000
    theirs = b"".join(bytes(packet) for packet in ffmpeg(name, "w").encode(frame))

    def error(octets: bytes) -> np.ndarray:
        return np.abs(values[np.frombuffer(octets, np.uint8)].astype(int) - every)

    assert (error(g711.Compressor(values)(every)) <= error(theirs)).all()


@pytest.mark.parametrize("codec", SPOKEN, ids=lambda codec: codec.name)
def test_what_is_said_is_heard(codec: Codec) -> None:
    heard = decoded(codec, packets(codec, tone(48_000)))[4_800:]
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) ** 2
    at = np.fft.rfftfreq(len(heard), 1 / 48_000)
    near = np.abs(at - 440) < 20
    assert dbfs(heard) == pytest.approx(dbfs(tone(48_000)), abs=0.5)
    assert power[near].sum() > 1_000 * power[~near].sum()


@pytest.mark.parametrize("codec", SPOKEN, ids=lambda codec: codec.name)
def test_silence_frame_is_silence_and_lasts_as_long(codec: Codec) -> None:
    assert codec.samples(codec.silence) == FRAME
    assert np.abs(decoded(codec, [codec.silence] * 50)[960:]).max() <= 8


@pytest.mark.parametrize("codec", SPOKEN, ids=lambda codec: codec.name)
def test_silence_after_speech_cannot_be_heard(codec: Codec) -> None:
    """An ADPCM codec remembers; an offset, and what is near 8 kHz at -60 dBFS, are no sound."""
    sound = np.concatenate([voice(24_000), tone(24_000, 1_000)])
    heard = decoded(codec, packets(codec, sound) + [codec.silence] * 50)[-24_000:]
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) / (len(heard) / 4)
    at = np.fft.rfftfreq(len(heard), 1 / 48_000)
    heard_power = power[(at > 50) & (at < 7_500)]
    assert 20 * np.log10(np.sqrt((heard_power**2).sum()) / 32_768 + 1e-9) < -70


def test_each_codec_is_known_by_its_silence() -> None:
    assert len({codec.silence for codec in SPOKEN}) == len(SPOKEN)
    assert PCMU.silence == b"\xff" * 160
    assert PCMA.silence == b"\xd5" * 160
    assert OPUS.silence == b"\xf8\xff\xfe"


def test_payloads_that_no_telephone_sends_last_nothing() -> None:
    for codec in TELEPHONE:
        assert codec.samples(b"") == 0
        assert codec.samples(bytes(MAX_PAYLOAD)) == 120 * 48
        assert codec.samples(bytes(MAX_PAYLOAD + 1)) == 0


# -- from and to 48 kHz


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_edges_of_packets_are_not_heard(rate: int) -> None:
    low = tone(48_000)[:: 48_000 // rate]
    whole = Upsampler(rate)(low)
    rng = np.random.default_rng(3)
    cuts = np.sort(rng.integers(0, len(low), 100))
    piecewise = Upsampler(rate)
    assert (np.concatenate([piecewise(part) for part in np.split(low, cuts)]) == whole).all()
    downwards, at_once = Downsampler(rate), Downsampler(rate)
    frames = np.split(whole, 50)
    assert (np.concatenate([downwards(frame) for frame in frames]) == at_once(whole)).all()


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_no_mirror_image_is_heard_above_or_below(rate: int) -> None:
    low = tone(48_000, 1_000)[:: 48_000 // rate]
    heard = Upsampler(rate)(low)[4_800:]
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) ** 2
    at = np.fft.rfftfreq(len(heard), 1 / 48_000)
    assert power[np.abs(at - 1_000) > 50].sum() < 1e-5 * power.sum()
    above = Downsampler(rate)(tone(48_000, rate * 0.6))[1_600:]
    assert dbfs(above) < -60


# -- what is missing


@pytest.mark.parametrize("codec", TELEPHONE, ids=lambda codec: codec.name)
def test_loss_is_bridged_without_a_click_or_a_hole(codec: Codec) -> None:
    payloads = packets(codec, voice(48_000))
    clean = decoded(codec, payloads)
    decoder = codec.decoder()
    heard = []
    for i, payload in enumerate(payloads):
        if i % 7 == 6:
            heard.append(decoder.recover(payloads[i + 1], FRAME))
        else:
            heard.append(decoder.decode(payload))
        assert len(heard[-1]) == FRAME
    bridged = np.concatenate(heard)
    # An ADPCM codec takes a while to know again where it is.
    steeper, softer = (2.0, 7) if codec is G722 else (1.3, 3)
    assert steepest(bridged[FRAME:]) < steeper * steepest(clean[FRAME:])
    assert min(dbfs(block) for block in heard[1:]) > dbfs(clean) - softer


def test_bridge_is_nearer_to_what_was_lost_than_repetition_alone() -> None:
    sweep = 110 + 40 * np.arange(96_000) / 96_000
    phase = 2 * np.pi * np.cumsum(sweep) / 48_000
    wave = sum(np.sin(k * phase) / k for k in range(1, 20))
    rising = (np.asarray(wave) * 5_000).astype(np.int16)
    payloads = packets(PCMU, rising)
    clean = decoded(PCMU, payloads).astype(np.int32)
    errors = []
    for way in ("bridged", "repeated"):
        decoder = PCMU.decoder()
        heard = []
        for i, payload in enumerate(payloads):
            if i % 7 != 6:
                heard.append(decoder.decode(payload))
            elif way == "bridged":
                heard.append(decoder.recover(payloads[i + 1], FRAME))
            else:
                heard.append(decoder.conceal(FRAME))
        errors.append(float(np.mean((np.concatenate(heard) - clean) ** 2)))
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.parametrize("codec", TELEPHONE, ids=lambda codec: codec.name)
def test_long_loss_fades_out_and_speech_comes_back_without_a_click(codec: Codec) -> None:
    payloads = packets(codec, voice(48_000))
    decoder = codec.decoder()
    before = [decoder.decode(payload) for payload in payloads[:20]]
    made_up = [decoder.conceal(480) for _ in range(12)]
    after = [decoder.decode(payload) for payload in payloads[26:]]
    levels = [dbfs(block) for block in made_up]
    assert levels[0] > dbfs(before[-1]) - 3
    assert max(levels[8:]) < -90
    assert all(one >= other - 1 for one, other in itertools.pairwise(levels))
    clean = steepest(np.concatenate(before)[FRAME:])
    assert steepest(np.concatenate([*before, *made_up, *after])[FRAME:]) < 1.5 * clean


def test_shadow_goes_on_without_changing_what_the_decoder_remembers() -> None:
    payloads = packets(G722, voice(48_000))
    alone, watched, shadow = StreamDecoder(), StreamDecoder(), StreamDecoder()
    for payload in payloads:
        expected = alone.decode(payload, G722)
        shadow.go_on_as(watched)
        assert shadow.conceal(480).shape == (480,)
        assert (watched.decode(payload, G722) == expected).all()


# -- comfort noise


@pytest.mark.parametrize("level", [30, 50, 70])
def test_comfort_noise_is_as_loud_as_it_says(level: int) -> None:
    decoder = ComfortNoise()
    parts = [decoder.decode(bytes([level])), *(decoder.conceal(480) for _ in range(100))]
    # dBov and dBFS both take a sine as loud as can be for 0.
    assert 20 * np.log10(rms(np.concatenate(parts)[960:]) / 23_170) == pytest.approx(-level, abs=1)


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def test_comfort_noise_has_the_colour_that_it_says() -> None:
    """A first reflection coefficient near -1 is a low-pass, near +1 a high-pass filter."""

    def low_share(octet: int) -> float:
        decoder = ComfortNoise()
        decoder.decode(bytes([40, octet]))
        noise = decoder.conceal(48_000)
        power = np.abs(np.fft.rfft(noise)) ** 2
        return float(power[:2_000].sum() / power[:4_000].sum())

    assert low_share(127 - 100) > 0.9
    assert low_share(127 + 100) < 0.2


def test_any_description_of_noise_is_bounded() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        decoder = ComfortNoise()
        payload = bytes([rng.integers(20, 256), *rng.integers(0, 256, rng.integers(0, 40))])
        noise = np.concatenate([decoder.decode(payload), decoder.conceal(9_600)])
        assert rms(noise) < 23_170 * 10 ** (-(payload[0] & 127) / 20) * 3 + 2


# -- from one codec to another


@pytest.mark.parametrize("to", [*SPOKEN, COMFORT_NOISE], ids=lambda codec: codec.name)
@pytest.mark.parametrize("first", SPOKEN, ids=lambda codec: codec.name)
def test_change_of_codec_does_not_click(first: Codec, to: Codec) -> None:
    sound = voice(48_000)
    noise = [bytes([40])] * 25
    stream = StreamDecoder()
    heard = [stream.decode(payload, first) for payload in packets(first, sound)[:25]]
    later = noise if to is COMFORT_NOISE else packets(to, sound)[25:]
    heard += [stream.decode(payload, to) for payload in later]
    clean = max(steepest(decoded(codec, packets(codec, sound))[FRAME:]) for codec in SPOKEN)
    assert steepest(np.concatenate(heard)[FRAME:]) < 1.5 * clean


@pytest.mark.parametrize("samples", range(1, 24))
def test_a_hole_of_less_than_an_octet_is_bridged_too(samples: int) -> None:
    """What was made up may stand for a hole of any number of samples, but for the last ones."""
    made_up = np.zeros(samples, np.int16)
    again = g722.Expander().instead(np.zeros(4_800, np.int16), made_up)
    assert len(again(G722.silence)) == 320
