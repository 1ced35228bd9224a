"""Networks of the sound bench: when each packet arrives, or that it never does.

Each model takes the moments at which the packets are sent (s) and a seeded generator, and gives
the moments of arrival beyond an undelayed network, None for a loss.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

Arrivals = list[float | None]
Model = Callable[[list[float], random.Random], Arrivals]


@dataclass(frozen=True)
class Scenario:
    """A network and a sender. *drift_ppm* is how much slower the sender's clock runs.

    Side by side, *pieces* of 8 s are measured, and where the line *resumes* after an outage, how
    soon the sound is clean again. *alone* there is one call and not one a voice, as on a desk: what
    a receiver costs is told from it. Where it *talks*, it sends a voice of its own meanwhile.
    """

    name: str
    model: Model
    drift_ppm: float = 0.0
    dtx: bool = False
    new_source: bool = False
    pieces: int = 1
    resumes: bool = False
    alone: bool = False
    talks: bool = False


def noise(loss: float = 0.0, jitter_s: float = 0.0) -> Model:
    """Independent losses, and a delay uniform between 0 and *jitter_s* (packets overtake)."""
    return partial(_noise, loss=loss, jitter_s=jitter_s)


def _noise(sent: list[float], rng: random.Random, *, loss: float, jitter_s: float) -> Arrivals:
    return [None if rng.random() < loss else at + rng.random() * jitter_s for at in sent]


def bursts(loss: float, length: float) -> Model:
    """Gilbert's two states: *loss* in all, in bursts of *length* packets on average."""
    return partial(_bursts, loss=loss, length=length)


def _bursts(sent: list[float], rng: random.Random, *, loss: float, length: float) -> Arrivals:
    leave = 1 / length
    enter = leave * loss / (1 - loss)
    arrivals: Arrivals = []
    bad = False
    for at in sent:
        bad = rng.random() >= leave if bad else rng.random() < enter
        arrivals.append(None if bad else at)
    return arrivals


def stalls(every_s: float, length_s: float) -> Model:
    """Each *every_s* the line holds what is sent for *length_s* and then gives it all at once."""
    return partial(_stalls, every_s=every_s, length_s=length_s)


def _stalls(sent: list[float], rng: random.Random, *, every_s: float, length_s: float) -> Arrivals:
    shift = rng.random() * every_s
    arrivals: Arrivals = []
    for at in sent:
        into = (at + shift) % every_s
        arrivals.append(at + length_s - into if into < length_s else at)
    return arrivals


def outage(at_s: float, length_s: float) -> Model:
    """Nothing passes for *length_s* from *at_s* on."""
    return partial(_outage, at_s=at_s, length_s=length_s)


def _outage(sent: list[float], rng: random.Random, *, at_s: float, length_s: float) -> Arrivals:
    start = at_s + rng.random()
    return [None if start <= at < start + length_s else at for at in sent]


def wifi(sent: list[float], rng: random.Random) -> Arrivals:
    """A first-in-first-out radio: short exponential waits, a scan now and then, 1 % loss."""
    arrivals: Arrivals = []
    free = busy_until = 0.0
    for at in sent:
        if rng.random() < 0.02 / 4.0:
            busy_until = at + rng.uniform(0.05, 0.13)
        free = max(free, at + rng.expovariate(1 / 0.004), busy_until)
        arrivals.append(None if rng.random() < 0.01 else free)
    return arrivals


SCENARIOS = (
    Scenario("clean", noise()),
    Scenario("loss 1 %", noise(0.01)),
    Scenario("loss 5 %", noise(0.05)),
    Scenario("loss 10 %", noise(0.10)),
    Scenario("bursts 3.6 %", bursts(0.036, 2.0)),
    Scenario("jitter 0-20 ms", noise(0.0, 0.02)),
    Scenario("jitter 0-40 ms", noise(0.0, 0.04)),
    Scenario("jitter 0-60 ms", noise(0.0, 0.06)),
    Scenario("3 % + 0-40 ms", noise(0.03, 0.04)),
    Scenario("10 % + 0-60 ms", noise(0.10, 0.06)),
    Scenario("stall 200 ms / 5 s", stalls(5.0, 0.2), pieces=2),
    Scenario("Wi-Fi", wifi, pieces=2),
    Scenario("outage 1 s", outage(10.0, 1.0), pieces=2, resumes=True),
    Scenario("drift +200 ppm", noise(), drift_ppm=200, pieces=2),
    Scenario("drift -200 ppm", noise(), drift_ppm=-200, pieces=2),
    Scenario("DTX", noise(), dtx=True),
    Scenario("new source", noise(), new_source=True),
    Scenario("one call", noise(), pieces=2, alone=True),
    Scenario("both ways", noise(), pieces=2, alone=True, talks=True),
)
"""For all receivers side by side, and for the buffer alone."""
TUNING = (
    Scenario("drift +500 ppm", noise(), drift_ppm=500),
    Scenario("drift -500 ppm", noise(), drift_ppm=-500),
    Scenario("DTX, 3 % + 0-40 ms", noise(0.03, 0.04), dtx=True),
)
"""For the buffer alone."""
