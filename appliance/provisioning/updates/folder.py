"""The folder of the one uploaded bundle, and of the note about what is being installed."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from appliance.provisioning.updates.errors import UpdateError
from appliance.service.files import write_whole
from appliance.service.kept import KeptError, read_kept

SUFFIX: Final = ".raucb"
SPARE: Final = 100_000_000
"""Bytes that are left free: the box's own records go before an update."""
AT_ONCE: Final = 1 << 20
"""Bytes that are gathered before they are written."""
SYNC_EVERY: Final = 16
"""Writes, after which the disk is waited for: else it would be for all of them at the end."""
MOST_NOTE: Final = 16 * 1024


class Note(BaseModel):
    """What is being installed, kept where a later life of this process finds it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    by: str = ""
    """Whoever asked for it; empty where it was nobody on the page."""
    version: str = ""
    source: str = ""
    name: str = ""
    begun_at: str = ""
    """RFC 3339."""


class BundleFolder:
    """Files in *folder*, which is made when it is needed. Methods raise `UpdateError`."""

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / f"upload{SUFFIX}"
        self._folder = folder
        self._part = folder / "upload.part"
        self._note = folder / "installing.json"
        self._authorities = folder / "authorities.crt"

    async def keep(self, length: int, pieces: AsyncIterator[bytes]) -> None:
        """Write a bundle of *length* bytes as it comes; nothing is left of one cut short.

        What *pieces* raise goes on. Never more than a piece and `AT_ONCE` is in memory.
        """
        await asyncio.to_thread(self._make_room, length)
        try:
            await self._write(length, pieces)
            await asyncio.to_thread(os.replace, self._part, self.bundle)
        except OSError as error:
            raise _unkept(error, length) from error
        finally:
            await asyncio.to_thread(self._part.unlink, missing_ok=True)

    async def _write(self, length: int, pieces: AsyncIterator[bytes]) -> None:
        file = await asyncio.to_thread(_File, self._part)
        try:
            come, waiting, writes = 0, bytearray(), 0
            async for piece in pieces:
                come += len(piece)
                waiting += piece
                if len(waiting) < AT_ONCE:
                    continue
                data, waiting = waiting, bytearray()
                writes += 1
                await asyncio.to_thread(file.write, data, writes % SYNC_EVERY == 0)
            await asyncio.to_thread(file.write, waiting, True)
            if come != length:
                raise UpdateError("bundle_cut_short")
        finally:
            await asyncio.to_thread(file.close)

    def _make_room(self, length: int) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for path in (self.bundle, self._part):
                path.unlink(missing_ok=True)
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise _unkept(error, length) from error
        if length + SPARE > free:
            raise UpdateError("no_space", needed=_mb(length + SPARE), free=_mb(free))

    def drop(self) -> None:
        """Remove the bundle, a rest of one, and the note; waits for the disk."""
        with suppress(OSError):
            for path in (self.bundle, self._part, self._note, self._authorities):
                path.unlink(missing_ok=True)

    def write_note(self, note: Note) -> None:
        """Keep *note*; waits for the disk."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._note, note.model_dump_json().encode())
        except OSError as error:
            raise _unkept(error, 0) from error

    def read_note(self) -> Note | None:
        """The note, if there is one that can be read; waits for the disk."""
        try:
            return read_kept(self._note, Note, MOST_NOTE)
        except KeptError:
            return None

    def write_authorities(self, text: str) -> Path:
        """Certificates (PEM) of those that are believed, where RAUC reads them."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._authorities, text.encode("ascii", "replace"), 0o644)
        except OSError as error:
            raise _unkept(error, 0) from error
        return self._authorities


class _File:
    """Made at *path*, written and closed in threads. A thread goes on when nobody waits for it any
    more: were it closed meanwhile, it would write into what has the same number next.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor: int | None = os.open(path, flags, 0o600)
        self._lock = threading.Lock()

    def write(self, data: bytes | bytearray, sync: bool) -> None:
        with self._lock:
            if self._descriptor is not None:
                _write(self._descriptor, data, sync)

    def close(self) -> None:
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)


def _write(descriptor: int, data: bytes | bytearray, sync: bool) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    if sync:
        os.fdatasync(descriptor)


def _unkept(error: OSError, length: int) -> UpdateError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UpdateError("no_space", needed=_mb(length + SPARE), free=0)
    return UpdateError("not_kept", reason=error.strerror or type(error).__name__)


def _mb(count: int) -> int:
    return -(-count // 1_000_000)
