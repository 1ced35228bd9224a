"""Raw edges of one contact: bounce, delay, loss."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.panel.contact import DEBOUNCE_S, REARM_S, SECOND_LOOK_S, Contact, Reports
from tests.support.panel import RecordingListener

REREAD_S = 1.0


@dataclass
class Edge:
    at: float
    down: bool
    arrives: float


@dataclass
class Bench:
    """A contact whose level, edges and panel thread follow a written timetable."""

    listener: RecordingListener = field(default_factory=RecordingListener)
    now: float = 0.0
    down: bool = False
    lateness: float = 0.0
    next_reread: float = REREAD_S

    def __post_init__(self) -> None:
        reports = Reports(
            self.listener.microphone_edge,
            self.listener.microphone_pressed,
            self.listener.microphone_released,
        )
        self.contact = Contact(reports, lambda: self.down, self.now)

    def run_until(self, until: float) -> None:
        """Let the panel thread turn, each time late by `lateness`."""
        while (due := min(self.contact.due(), self.next_reread) + self.lateness) <= until:
            self.now = max(self.now, due)
            self.contact.advance(self.now)
            if self.now >= self.next_reread:
                self.contact.reread(self.now)
                self.next_reread = self.now + REREAD_S
        self.now = until

    def move(self, down: bool, *, lost: bool = False) -> None:
        self.down = down
        if not lost:
            self.contact.edge(down, self.now, self.now)

    def play(self, edges: list[Edge], until: float) -> None:
        """Levels change at their times; the edges arrive in order, later."""
        moments = sorted(
            [(edge.at, 0, edge) for edge in edges] + [(edge.arrives, 1, edge) for edge in edges],
            key=lambda moment: moment[:2],
        )
        for moment, arriving, edge in moments:
            self.run_until(moment)
            if arriving:
                self.contact.edge(edge.down, edge.at, self.now)
            else:
                self.down = edge.down
        self.run_until(until)


def ms(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda value: value / 1000)


bounces = st.lists(st.tuples(ms(0.05, 4), ms(0.05, 4)), max_size=6)
presses = st.lists(st.tuples(bounces, ms(40, 900), bounces, ms(60, 900)), min_size=1, max_size=5)


def edges_of(
    hands: list[tuple[list[tuple[float, float]], float, list[tuple[float, float]], float]],
    delays: list[float],
) -> tuple[list[Edge], list[float], float]:
    """The raw edges of real presses, the first edge of each, and when all is over."""
    edges: list[Edge] = []
    firsts: list[float] = []
    at = 0.02

    def add(down: bool) -> None:
        delay = delays[len(edges) % len(delays)]
        arrives = max(at + delay, edges[-1].arrives if edges else 0.0)
        edges.append(Edge(at, down, arrives))

    for press_bounce, held, release_bounce, rest in hands:
        firsts.append(at)
        for down, bounce, stable in ((True, press_bounce, held), (False, release_bounce, rest)):
            add(down)
            for this, other in bounce:
                at += this
                add(not down)
                at += other
                add(down)
            at += stable
    return edges, firsts, at + 0.5


@settings(deadline=None)
@given(
    presses,
    st.lists(ms(0, 9), min_size=1, max_size=20),
    ms(0, 200),
)
def test_bounce_and_delay_never_make_or_lose_a_press(
    hands: list[tuple[list[tuple[float, float]], float, list[tuple[float, float]], float]],
    delays: list[float],
    lateness: float,
) -> None:
    edges, firsts, until = edges_of(hands, delays)
    bench = Bench(lateness=lateness)
    bench.play(edges, until)
    names = bench.listener.names()
    expected = []
    for number in range(len(hands)):  # every other press closes, at its first edge
        expected += ["edge", "pressed", "released"] if number % 2 == 0 else ["edge", "released"]
    assert names == expected
    assert [at for name, at in bench.listener.events if name == "edge"] == firsts
    assert bench.listener.gate_open is (len(hands) % 2 == 1)
    assert bench.contact.press is None


@settings(deadline=None)
@given(presses, st.lists(st.booleans(), min_size=1, max_size=40), ms(0, 200))
def test_lost_edges_open_nothing_and_stick_nowhere(
    hands: list[tuple[list[tuple[float, float]], float, list[tuple[float, float]], float]],
    lost: list[bool],
    lateness: float,
) -> None:
    edges, _, until = edges_of(hands, [0.0])
    bench = Bench(lateness=lateness)
    for number, edge in enumerate(edges):
        bench.run_until(edge.at)
        bench.move(edge.down, lost=lost[number % len(lost)])
    bench.run_until(until + 2 * REREAD_S + SECOND_LOOK_S + REARM_S + 4 * lateness)
    names = bench.listener.names()
    assert names.count("pressed") <= len(hands)
    assert names.count("edge") == names.count("released")
    # Whatever was lost, the next press is whole again.
    bench.listener.gate_open = False
    bench.listener.events.clear()
    start = bench.now
    bench.move(True)
    bench.run_until(start + 0.1)
    bench.move(False)
    bench.run_until(start + 0.3)
    assert bench.listener.names() == ["edge", "pressed", "released"]


def test_the_first_edge_comes_at_once_and_the_press_when_stable() -> None:
    bench = Bench()
    bench.move(True)
    assert bench.listener.events == [("edge", 0.0)]
    bench.run_until(DEBOUNCE_S - 0.0001)
    assert bench.listener.names() == ["edge"]
    bench.run_until(DEBOUNCE_S)
    assert bench.listener.names() == ["edge", "pressed"]


def test_a_closing_press_is_not_a_press_too() -> None:
    bench = Bench()
    bench.listener.gate_open = True
    bench.move(True)
    bench.run_until(0.5)
    assert bench.listener.names() == ["edge"]
    assert not bench.listener.gate_open


def test_two_quick_presses_are_two() -> None:
    bench = Bench()
    for at in (0.0, 0.1):
        bench.run_until(at)
        bench.move(True)
        bench.run_until(at + 0.05)
        bench.move(False)
    bench.run_until(0.3)
    assert bench.listener.names() == ["edge", "pressed", "released", "edge", "released"]
    assert not bench.listener.gate_open


def test_a_spike_may_close_but_not_open() -> None:
    bench = Bench()
    bench.move(True)
    bench.run_until(0.002)
    bench.move(False)
    bench.run_until(0.5)
    assert bench.listener.names() == ["edge", "released"]


def test_a_late_spike_does_not_open_either() -> None:
    bench = Bench(now=0.009)
    bench.contact.edge(True, 0.0, 0.009)
    bench.run_until(0.0165)  # the wait is over, the level reads released
    bench.contact.edge(False, 0.001, 0.0165)
    bench.run_until(0.5)
    assert bench.listener.names() == ["edge", "released"]


def test_bounce_of_a_release_that_arrives_late_does_not_close() -> None:
    bench = Bench()
    bench.move(True)
    bench.run_until(0.3)
    bench.move(False)
    bench.run_until(0.33)
    assert bench.contact.press is None
    bench.contact.edge(True, 0.302, 0.33)
    bench.contact.edge(False, 0.303, 0.33)
    bench.run_until(0.5)
    assert bench.listener.names() == ["edge", "pressed", "released"]
    assert bench.listener.gate_open


def test_a_reread_closes_and_never_opens() -> None:
    bench = Bench()
    bench.move(True, lost=True)
    bench.run_until(REREAD_S + SECOND_LOOK_S - 0.001)
    assert bench.listener.names() == []
    bench.run_until(3.0)
    assert bench.listener.names() == ["edge"]
    bench.move(False)
    bench.run_until(4.0)
    assert bench.listener.names() == ["edge", "released"]


def test_an_edge_under_way_is_not_taken_for_a_lost_one() -> None:
    bench = Bench()
    bench.run_until(0.999)
    bench.down = True
    bench.run_until(1.004)  # the re-read has seen it before its edge arrives
    bench.contact.edge(True, 0.999, 1.004)
    bench.run_until(1.5)
    assert bench.listener.names() == ["edge", "pressed"]


def test_a_lost_release_is_found_and_opens_nothing() -> None:
    bench = Bench()
    bench.move(True)
    bench.run_until(0.003)
    bench.move(False, lost=True)
    bench.run_until(2.2)
    assert bench.listener.names() == ["edge", "released"]
    assert bench.contact.press is None


def test_a_press_over_a_lost_release_closes_at_its_edge() -> None:
    bench = Bench()
    bench.move(True)
    bench.run_until(0.2)
    bench.move(False, lost=True)
    bench.run_until(0.4)
    bench.move(True)
    assert bench.listener.names() == ["edge", "pressed", "released", "edge"]
    assert not bench.listener.gate_open


def test_down_at_the_start_is_nobodys_press() -> None:
    bench = Bench(down=True)
    bench.run_until(1.5)
    bench.move(False)
    bench.run_until(1.6)
    assert bench.listener.names() == []
    bench.move(True)
    assert bench.listener.names() == ["edge"]
