"""Which certificate the page is served with, from the first second, and how it gets another.

Whoever opens a connection takes `CertificateKeeper.context` as it is then; a change never touches
a connection that is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from appliance.monitoring.audit import Entry
from appliance.provisioning.certificates.errors import (
    CertificateFileError,
    CertificateStateError,
)
from appliance.provisioning.certificates.facts import key_fingerprint
from appliance.provisioning.certificates.folder import (
    REQUEST,
    UPLOADED,
    CertificateFolder,
    Pending,
)
from appliance.provisioning.certificates.judging import Pair, judged
from appliance.provisioning.certificates.loading import InUse, Loader
from appliance.provisioning.certificates.names import BoxNames, cleaned, matches
from appliance.provisioning.certificates.own import KeyKind, PrivateKey, make_key, make_request
from appliance.provisioning.certificates.reading import Upload
from appliance.provisioning.certificates.record import Record, detail_of
from appliance.service.tasks import deadly_task, die, stop_tasks

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
A_YEAR_S = 365 * 24 * 3600
FIXED = (
    "The box's settings file names the certificate (console.tls_certificate), and goes first. "
    "Take these lines out of it to manage the certificate here."
)


class CertificateKeeper:
    """The certificate in use and the open request; *fixed* are the settings file's own files.

    Changes are on record before they happen; who made them is told by name.
    """

    def __init__(
        self,
        folder: CertificateFolder,
        record: Record,
        names: Callable[[], BoxNames],
        *,
        fixed: tuple[Path, Path] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_death: Callable[[str], None] = die,
    ) -> None:
        self.pending: Pending | None = None
        self.fixed = fixed is not None
        self._loader = Loader(folder, names, fixed, clock)
        self.folder = self._folder = folder
        self._record, self._names, self._clock = record, names, clock
        self._on_death = on_death
        self._now: InUse | None = None
        self._told: Callable[[InUse], Awaitable[None]] | None = None
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def now(self) -> InUse:
        """What new connections get. Only after `begin`."""
        assert self._now is not None
        return self._now

    @property
    def begun(self) -> bool:
        """There is a certificate."""
        return self._now is not None

    async def begin(self) -> None:
        """Take up what is there; make the box's own at its first start. Raises
        `CertificateFileError` when the state directory cannot be used.
        """
        await asyncio.to_thread(self._folder.begin)
        self.pending = await asyncio.to_thread(self._loader.pending)
        await self._use(await asyncio.to_thread(self._loader.load))

    def start(self, told: Callable[[InUse], Awaitable[None]]) -> None:
        """Look after it: its end, the box's names, the settings file's files. *told* of changes."""
        self._told = told
        self._task = deadly_task(self._run(), "certificates", on_death=self._on_death)

    async def stop(self) -> None:
        """The end of looking after it."""
        await stop_tasks(self._task)
        self._task = None

    def answers_to(self, host: str) -> bool:
        """Whether the certificate in use makes *host* a name of this box."""
        return self.begun and any(matches(name, host) for name in self.now.facts.names)

    def insist_s(self) -> int:
        """How long browsers may insist on HTTPS at this name (HSTS, RFC 6797), in seconds.

        Never with a certificate that they do not trust by themselves, for then they would not let
        anybody through; and no longer than it lasts.
        """
        if not self.begun or self.now.facts.self_signed:
            return 0
        return max(0, min(A_YEAR_S, int(self.expires_s())))

    def expires_s(self) -> float:
        """Seconds until its end; negative afterwards."""
        return (self.now.facts.valid_until - self._clock()).total_seconds()

    def ends_soon(self) -> bool:
        """Somebody ought to be told of its end."""
        return self.begun and self.now.facts.ends_soon(self._clock())

    async def reached_as(self) -> BoxNames:
        """The box's names now."""
        return await asyncio.to_thread(self._names)

    async def request(self, who: str, names: Sequence[str], kind: KeyKind = "ec") -> Pending:
        """Make a key and a certificate request for *names*.

        Raises `CertificateError`, `CertificateStateError` while another one is open.
        """
        wanted = cleaned(names)
        async with self._lock:
            self._refuse_fixed()
            if self.pending is not None:
                raise CertificateStateError(
                    "A request is open already. Upload its certificate, or withdraw it first."
                )
            key = await asyncio.to_thread(make_key, kind)
            detail: dict[str, JsonValue] = {"names": [*wanted]}
            await self._record.append(Entry(who, "certificate_requested", detail=detail))
            await asyncio.to_thread(self._folder.open_request, key, make_request(key, wanted))
            self.pending = await asyncio.to_thread(self._folder.pending)
            assert self.pending is not None
            return self.pending

    async def withdraw(self, who: str) -> None:
        """Forget the open request with its key. Raises `CertificateStateError`."""
        async with self._lock:
            if self.pending is None:
                raise CertificateStateError("No request is open.")
            detail: dict[str, JsonValue] = {"names": [*self.pending.names]}
            await self._record.append(Entry(who, "certificate_request_withdrawn", detail=detail))
            await asyncio.to_thread(self._folder.delete, REQUEST)
            self.pending = None

    async def judge(self, upload: Upload, more: Sequence[str] = ()) -> Pair:
        """The pair that *upload* makes, for a box that is also reached by the names *more*;
        nothing is changed. Raises `CertificateError`, `CertificateStateError`.
        """
        self._refuse_fixed()
        return await asyncio.to_thread(self._judged, upload, more)

    async def install(self, who: str, upload: Upload) -> InUse:
        """Judge *upload* whole, and use it from now on. Raises `CertificateError`."""
        async with self._lock:
            self._refuse_fixed()
            pair = await asyncio.to_thread(self._judged, upload)
            try:
                context = await asyncio.to_thread(self._folder.try_out, pair)
                answered = self.pending is not None and _same(pair.key, self.pending.key)
                detail = detail_of(pair.facts)
                await self._record.append(Entry(who, "certificate_uploaded", detail=detail))
                keep = partial(self._folder.keep, UPLOADED, answered=answered)
                await asyncio.to_thread(keep)
            finally:
                await asyncio.to_thread(self._folder.discard)
            if answered:
                self.pending = None
            await self._use(InUse("uploaded", pair.chain, pair.facts, context))
            return self.now

    async def go_back(self, who: str) -> InUse:
        """Forget what was uploaded and use the box's own. Raises `CertificateStateError`."""
        async with self._lock:
            self._refuse_fixed()
            if self.now.origin == "own" and not self.now.fault:
                raise CertificateStateError("The box uses its own certificate already.")
            own = await asyncio.to_thread(self._loader.own)
            detail = detail_of(own.facts)
            await self._record.append(Entry(who, "certificate_reset", detail=detail))
            await asyncio.to_thread(self._folder.delete, UPLOADED)
            await self._use(own)
            return self.now

    async def look(self) -> None:
        """Renew the box's own, or take up what changed in the settings file's files."""
        async with self._lock:
            found = await asyncio.to_thread(self._loader.load)
            if found.fault and found.fault != self.now.fault:
                log.error("%s", found.fault)
            if found.fault and self.now.origin != "own":
                # Half of a new pair may be there already: what is in use is good until it is whole.
                found = replace(self.now, fault=found.fault)
            if not found.like(self.now):
                await self._use(found)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except CertificateFileError as error:
                log.error("%s", error.detail, extra={"CODE": error.code})

    def _judged(self, upload: Upload, more: Sequence[str] = ()) -> Pair:
        """In a thread: keys of the open request and of the pair in use may be what it is for."""
        keys: list[PrivateKey] = []
        reached = [*self._names().all(), *more]
        if self.pending is not None:
            keys.append(self.pending.key)
            reached += self.pending.names
        if self.now.origin == "uploaded" and (pair := self._folder.pair(UPLOADED)) is not None:
            keys.append(pair.key)
            reached += pair.facts.names
        return judged(upload.read(), keys, reached, self._clock())

    def _refuse_fixed(self) -> None:
        if self.fixed:
            raise CertificateStateError(FIXED)

    async def _use(self, found: InUse) -> None:
        before, self._now = self._now, found
        if found.made:
            self._record.note(Entry("bargebox", "certificate_made", detail=detail_of(found.facts)))
        elif found.origin == "file" and before is not None and before.facts != found.facts:
            self._record.note(Entry("bargebox", "certificate_read", detail=detail_of(found.facts)))
        if before is None or before.facts != found.facts:
            log.info("certificate (%s): SHA-256 %s", found.origin, found.facts.fingerprint)
        if self._told is not None:
            await self._told(found)


def _same(one: PrivateKey, other: PrivateKey) -> bool:
    return key_fingerprint(one.public_key()) == key_fingerprint(other.public_key())
