"""A small world for the page: the real book of interactions, everything else in memory."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from fastapi import FastAPI

from appliance.console.app import create_app
from appliance.console.ports import Notice, Ports
from appliance.console.server import serve
from appliance.console.settings import ConsoleSettings
from appliance.control_link.client import LegError
from appliance.control_link.messages import CheckResult, HeadsetState, Lamps, Levels
from appliance.control_link.words import Audience, Button, EndReason, Gate, LampPattern, Media
from appliance.monitoring.accounts import AccountError, SignInError
from appliance.monitoring.audit import Entry, Row
from appliance.monitoring.history import BargeSpan, SessionRecord
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.policy import (
    ROLES,
    Account,
    RefusedError,
    Running,
    monitor_refusal,
    silence_refusal,
    unmute_refusal,
)
from appliance.monitoring.reasons import WORDS
from appliance.monitoring.session import DeviceView, Ending, MonitoringView
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import (
    Agent,
    Capability,
    Interaction,
    InteractionChanged,
    InteractionsSnapshot,
    Monitor,
    PlatformConnection,
)

PLATFORM = "sandbox"
PASSWORD = "correct horse battery"
QUEUES = ("Support", "Sales", "Billing")
AGENTS = ("Ana López", "Ben Okafor", "Chloé Martin", "Dewi Lestari", "Emre Yılmaz", "Fatima Noor")
CUSTOMERS = ("Greta Holm", "Hiro Tanaka", "Ines Duarte", "Jonas Weber", "Kim Ji-woo")

T = TypeVar("T")


def call_number(n: int) -> Interaction:
    """The n-th made-up interaction; each fifth cannot be monitored, each sixth is on hold."""
    disabled = n % 5 == 4
    agent = n % len(AGENTS)
    return Interaction(
        id=f"call-{n:05}",
        channel="voice",
        direction="outbound" if n % 4 == 3 else "inbound",
        agents=(Agent(f"agent-{agent}", AGENTS[agent]),),
        customer=f"{CUSTOMERS[n % len(CUSTOMERS)]} +4930{n:07}",
        contact_point="+49 800 1234",
        queue=QUEUES[n % 3],
        flow=f"{QUEUES[n % 3]} main",
        state="on-hold" if n % 6 == 5 else "in-conversation",
        started_at=datetime.now(UTC) - timedelta(seconds=3700 - 37 * (n % 100)),
        monitorable=not disabled,
        not_monitorable_reason=EndReason.NO_MONITORING_OBJECT if disabled else None,
    )


class MemoryAccounts:
    """Accounts without hashing."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.passwords: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.sign_ins = ""

    def add(self, name: str, role: str, *, must_change: bool = False) -> Account:
        """A new account; its token is ``token-NAME``."""
        account = Account(name, role, ROLES[role], {}, must_change)
        self.accounts[name], self.passwords[name] = account, PASSWORD
        self.tokens[f"token-{name}"] = name
        return account

    async def sign_in(self, name: str, password: str) -> Account:
        if name not in self.accounts or self.passwords[name] != password:
            raise SignInError("The name or the password is not right.")
        return self.accounts[name]

    async def get(self, name: str) -> Account | None:
        return self.accounts.get(name)

    async def verify_token(self, token: str) -> Account:
        account = self.accounts.get(self.tokens.get(token, ""))
        if account is None:
            raise SignInError("The token is not valid.")
        return account

    async def change_password(self, name: str, old: str, new: str) -> Account:
        account = await self.sign_in(name, old)
        if len(new) < 10:
            raise AccountError("A password has 10 to 200 characters.")
        self.passwords[name] = new
        self.accounts[name] = replace(account, must_change_password=False)
        return self.accounts[name]

    async def kept_sign_ins(self) -> str:
        return self.sign_ins

    async def keep_sign_ins(self, text: str) -> None:
        self.sign_ins = text


class MemoryMonitoring:
    """A session that does at once what is asked, under the domain's own rules."""

    def __init__(self, book: InteractionBook, platform: FakePlatform) -> None:
        self._book, self._platform = book, platform
        self._listeners: list[Callable[[Notice], None]] = []
        self._owner: Account | None = None
        self.headset = HeadsetState(present=True, name="Jabra Evolve2 40", playing=True)
        self.view = MonitoringView(State.IDLE, True, True, self.headset)
        self.box = DeviceView(
            leg_connected=True,
            leg_id="leg-1",
            board="virtual",
            headset=self.headset,
            lamps=Lamps(microphone=LampPattern.OFF, status=LampPattern.ON),
            volume=60,
        )
        self.fail_with: Exception | None = None

    def current(self) -> MonitoringView:
        return self.view

    def device(self) -> DeviceView:
        return self.box

    def listen(self, listener: Callable[[Notice], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def monitor(self, account: Account, interaction_id: str) -> MonitoringView:
        if self.fail_with is not None:
            raise self.fail_with
        interaction = self._book.find(interaction_id)
        assert interaction is not None
        running = None
        if self.view.interaction is not None and self._owner is not None:
            running = Running("session", self.view.interaction.id, self._owner.name)
        refusal = monitor_refusal(account, interaction, PLATFORM, running)
        if refusal is not None:
            raise RefusedError.because(refusal)
        self._owner = account
        started = datetime.now(UTC)
        self._show(
            MonitoringView(
                State.LISTENING,
                True,
                True,
                self.headset,
                session_id=f"session-{interaction_id}",
                interaction=interaction,
                owner=account.name,
                gate=Gate.CLOSED,
                media=Media.CONNECTED,
                started_at=started,
            )
        )
        self._book.set_running(
            Running("session", interaction_id, account.name), Monitor(account.name, False, started)
        )
        self.lamp(LampPattern.SLOW_BREATHE)
        return self.view

    async def set_microphone(
        self, account: Account, muted: bool, audience: Audience | None = None
    ) -> MonitoringView:
        audience = audience or self.view.audience
        if self._owner is None:
            raise RefusedError("You are not monitoring a call.", code="no_session")
        refusal = (
            silence_refusal(account, self._owner.name)
            if muted
            else unmute_refusal(account, self._owner.name, audience, self._platform.capabilities)
        )
        if refusal is not None:
            raise RefusedError.because(refusal)
        self.gate(muted, audience)
        return self.view

    async def hang_up(self, account: Account) -> None:
        if self._owner is None:
            raise RefusedError("You are not monitoring a call.", code="no_session")
        self.end(EndReason.HUNG_UP)

    async def set_volume(self, percent: int) -> None:
        self.box = replace(self.box, volume=percent)
        self.tell(self.box)

    async def self_test(self) -> list[CheckResult]:
        if self.view.session_id is not None:
            raise LegError("The self-test does not run in a call.", code="busy")
        present = self.headset.present
        name = self.headset.name if present else "no headset is plugged in"
        return [CheckResult(name="headset present", passed=present, detail=name)]

    # -- what happens to the box

    def gate(self, muted: bool, audience: Audience = Audience.EVERYONE) -> None:
        """The gate moved, by whatever cause."""
        state = State.LISTENING if muted else State.LIVE
        gate = Gate.CLOSED if muted else Gate.OPEN
        self._show(replace(self.view, state=state, muted=muted, gate=gate, audience=audience))
        self.lamp(LampPattern.SLOW_BREATHE if muted else LampPattern.ON)

    def end(self, reason: EndReason) -> None:
        """The session ended."""
        assert self.view.session_id is not None
        ending = Ending(
            self.view.session_id, reason, reason.value, WORDS[reason], datetime.now(UTC)
        )
        interaction, started = self.view.interaction, self.view.started_at
        assert interaction is not None
        assert started is not None
        assert self._owner is not None
        owner, self._owner = self._owner, None
        self._show(MonitoringView(State.IDLE, True, True, self.headset, last_end=ending))
        self._book.set_running(None, None)
        self._book.remember(interaction, Monitor(owner.name, False, started, ending.at))
        self.lamp(LampPattern.OFF)

    def lose_leg(self) -> None:
        """Nobody knows the gate any more."""
        self._show(replace(self.view, muted=None, leg_connected=False))

    def lamp(self, pattern: LampPattern) -> None:
        """The microphone lamp shows another pattern."""
        self.box = replace(self.box, lamps=Lamps(microphone=pattern, status=LampPattern.ON))
        self.tell(self.box)

    def levels(self, downlink: float, uplink: float) -> None:
        """A tenth of a second of sound."""
        self.tell(Levels(session_id="session", downlink=downlink, uplink=uplink))

    def tell(self, notice: Notice) -> None:
        for listener in tuple(self._listeners):
            listener(notice)

    def _show(self, view: MonitoringView) -> None:
        self.view = view
        self.tell(view)


class MemoryHistory:
    """Sessions that ended."""

    def __init__(self) -> None:
        start = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
        self.records = [
            SessionRecord(
                id=f"old-{name}",
                handle=f"bargebox-old-{name}",
                platform=PLATFORM,
                supervisor=name,
                interaction=call_number(1),
                started_at=start,
                ended_at=start + timedelta(minutes=3),
                end_reason=EndReason.HUNG_UP,
                end_detail=WORDS[EndReason.HUNG_UP],
                quality={"lost": 3},
                barges=(BargeSpan(start, start + timedelta(seconds=9), Audience.AGENT),),
            )
            for name in ("sam", "sue")
        ]

    async def page(
        self, *, supervisor: str | None = None, page: int = 1, per_page: int = 50
    ) -> tuple[list[SessionRecord], int]:
        found = [r for r in self.records if supervisor in (None, r.supervisor)]
        return found[(page - 1) * per_page : page * per_page], len(found)


class MemoryAudit:
    """Rows without a database."""

    def __init__(self) -> None:
        at = Entry("sam", "joined").at.isoformat()
        self.rows = [
            Row(n, at, "sam", "joined", "s", "call-00001", "{}", f"{n:064}") for n in range(1, 6)
        ]

    async def latest(self, *, before: int | None = None, limit: int = 100) -> list[Row]:
        return [r for r in reversed(self.rows) if before is None or r.seq < before][:limit]

    async def export(self) -> AsyncIterator[Row]:
        for row in self.rows:
            yield row


@dataclass
class FakePlatform:
    """Name and capabilities."""

    name: str = PLATFORM
    capabilities: frozenset[Capability] = frozenset(Capability)


@dataclass
class FingerPanel:
    """Remembers what was pressed."""

    presses: list[tuple[Button, bool]] = field(default_factory=list)

    async def press(self, button: Button, down: bool) -> None:
        self.presses.append((button, down))


@dataclass
class World:
    """Everything behind the page. *sam* and *sue* are supervisors, *tom* a technician."""

    accounts: MemoryAccounts
    book: InteractionBook
    monitoring: MemoryMonitoring
    history: MemoryHistory
    audit: MemoryAudit
    platform: FakePlatform
    panel: FingerPanel

    def ports(self) -> Ports:
        """As `create_app` takes it."""
        return Ports(
            accounts=self.accounts,
            book=self.book,
            monitoring=self.monitoring,
            history=self.history,
            audit=self.audit,
            platform=self.platform,
            panel=self.panel,
        )

    def change(self, interaction: Interaction) -> None:
        """The platform reports an interaction."""
        self.book.take(InteractionChanged(interaction))

    def app(self, **settings: object) -> FastAPI:
        """A new app on this world; it goes by the name ``box``."""
        settings = {"port": 0, "names": ["box"], **settings}
        return create_app(self.ports(), ConsoleSettings.model_validate(settings))


def make_world(calls: int = 12) -> World:
    """A tenant with so many calls, and four accounts."""
    accounts = MemoryAccounts()
    accounts.add("admin", "Administrator")
    accounts.add("sam", "Supervisor")
    accounts.add("sue", "Supervisor")
    accounts.add("tom", "Technician")
    accounts.add("new", "Supervisor", must_change=True)
    book = InteractionBook(PLATFORM)
    book.take(PlatformConnection(connected=True))
    book.take(InteractionsSnapshot(tuple(call_number(n) for n in range(calls))))
    platform = FakePlatform()
    monitoring = MemoryMonitoring(book, platform)
    return World(
        accounts, book, monitoring, MemoryHistory(), MemoryAudit(), platform, FingerPanel()
    )


@dataclass
class Served:
    """A world served over real HTTP by a thread of its own."""

    url: str
    world: World
    app: FastAPI
    loop: asyncio.AbstractEventLoop

    def do(self, work: Callable[[], T]) -> T:
        """Run *work* on the server's loop and wait for its result."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def wedge(self, seconds: float) -> None:
        """The process hangs: connections stay open, nothing is answered."""
        self.loop.call_soon_threadsafe(time.sleep, seconds)


@contextmanager
def served(world: World, **settings: object) -> Iterator[Served]:
    """Serve *world* on a free port of loopback until the block ends."""
    started = threading.Event()
    found: list[Served] = []
    stopping: list[asyncio.Event] = []
    failures: list[BaseException] = []

    async def main(app: FastAPI) -> None:
        stop = asyncio.Event()
        stopping.append(stop)

        def ready(url: str) -> None:
            found.append(Served(url, world, app, asyncio.get_running_loop()))
            started.set()

        await serve(app, app.state.console.settings, stop, ready=ready)

    def run() -> None:
        try:
            asyncio.run(main(world.app(**settings)))
        except Exception as error:  # noqa: BLE001 (told to the test below)
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="console server")
    thread.start()
    try:
        assert started.wait(20), "the server did not start"
        assert found, f"the server failed: {failures}"
        yield found[0]
    finally:
        if found:
            found[0].loop.call_soon_threadsafe(stopping[0].set)
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"
        assert not failures, failures
