"""Whatever a platform says: no parser raises, hangs or takes memory without bounds.

The same parsers are fuzzed for longer by ``make fuzz``.
"""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.parsers import FINDS, MOST_BYTES, PARSERS, Parser, seeds

EVERY = pytest.mark.parametrize("name", PARSERS)
GIVEN = settings(
    deadline=None,  # time is looked at below, where inputs are long
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
SLOWEST_S = 3.0
"""Of processor time for one input, on a slow machine; what is quadratic takes minutes."""
MOST_MEMORY = 64 * 1024 * 1024
PIECES = (
    b'"', b'\\"', b"<", b";", b",", b"[", b"{", b" ", b"\r\n", b"\r\n ", b"\n", b"9", b"e9", b"-a",
    b"\x00--\x00", b"\xff", b'{"a":', b'"\\ud800",', b"a=mid:\r\n", b"m=audio 9 X 0\\r\\n",
)  # fmt: skip
"""Of which an input is made that is as long as any may be."""


@st.composite
def changed(draw: st.DrawFn, name: str) -> bytes:
    """Something that a server really said, with a few changes."""
    said = bytearray(draw(st.sampled_from(seeds(name))))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(said)))
        end = begin + draw(st.integers(0, 12))
        said[begin:end] = draw(st.sampled_from(PIECES) | st.binary(max_size=8))
    return bytes(said)


def long_inputs(name: str) -> list[bytes]:
    """Each piece over and over, alone and inside what a server really said."""
    found = []
    chance = random.Random(name)
    for piece in PIECES:
        found.append((piece * MOST_BYTES)[:MOST_BYTES])
        said = chance.choice(seeds(name))
        many = (piece * MOST_BYTES)[: 60_000 - len(said)]
        at = chance.choice([where for where, byte in enumerate(said) if byte in b'":;=, '] or [0])
        found.append(said[: at + 1] + many + said[at + 1 :])
    return found


@EVERY
def test_what_servers_said_is_read(name: str) -> None:
    for said in seeds(name):
        PARSERS[name](said)


def test_what_did_harm_once_does_none() -> None:
    found = [file for file in FINDS.glob("*/*") if file.is_file()]
    assert found
    for file in found:
        PARSERS[file.parent.name](file.read_bytes())


@EVERY
def test_nothing_is_raised(name: str) -> None:
    parser = PARSERS[name]

    @GIVEN
    @given(changed(name) | st.binary(max_size=200))
    def reads(data: bytes) -> None:
        parser(data)

    reads()


@EVERY
def test_long_inputs_take_neither_long_nor_much(name: str) -> None:
    parser = PARSERS[name]
    parser(b"")  # what is loaded once
    for data in long_inputs(name):
        took, most = measured(parser, data)
        assert took < SLOWEST_S, (took, data[:80], data[-80:])
        assert most < MOST_MEMORY, (most, data[:80], data[-80:])


def measured(parser: Parser, data: bytes) -> tuple[float, int]:
    """Seconds of processor time, and bytes."""
    begun = time.process_time()
    parser(data)
    took = time.process_time() - begun
    tracemalloc.start()
    try:
        parser(data)
        return took, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
