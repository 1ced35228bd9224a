"""``bargebox provision FILE``: a document of settings for this box, given at the box itself.

Whoever may write the box's own files may do so, with control running or stopped. It becomes a plan
there, which control carries out: at once where it runs, at its next start otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.commands.audit import NoInputError
from appliance.commands.provisioning import offline
from appliance.console.api_client import ApiError, UnreachableError, call, find_access
from appliance.console.local_access import LOCAL_NAME
from appliance.provisioning.site_file.applying import faults_of
from appliance.provisioning.site_file.errors import Fault, SiteFileError
from appliance.provisioning.site_file.reading import (
    MAX_BYTES,
    decoded,
    places,
    read_plain,
    read_text,
)
from appliance.service.errors import BargeboxError
from appliance.settings import BoxSettings, load_in_force

BEGIN_LIMIT_S = 15.0


def run(chosen: argparse.Namespace) -> int:
    """Check or apply it. Raises `BargeboxError`, with each line that is wrong."""
    file: Path = chosen.file.absolute()
    try:
        print(asyncio.run(_provision(file, chosen.settings, check=chosen.check)))
    except SiteFileError as error:
        lines = "\n  ".join(map(str, error.faults))
        words = f"{file} is refused, and nothing was changed:\n  {lines}\n"
        raise BargeboxError(words, code=error.code) from error
    return 0


async def _provision(file: Path, settings: Path, *, check: bool) -> str:
    found = await asyncio.to_thread(load_in_force, settings)
    box = found.settings.box
    if not await asyncio.to_thread(_writable, box):
        words = f"You may not change {box.state_dir}, or the box was never started. Use sudo."
        raise BargeboxError(words, code="state")
    text = decoded(await asyncio.to_thread(_read, file))
    given = await asyncio.to_thread(read_text, text, file.parent)
    with _as_owner_of(box.database):
        async with offline(found, settings) as (provisioner, services):
            faults = await faults_of(services, given.document)
            if faults:
                raise await asyncio.to_thread(places, text, faults)
            if check:
                return f"{file} is right for this box. Nothing was changed."
            plan = await provisioner.take(LOCAL_NAME, given, file)
    await asyncio.to_thread(provisioner.erase, plan)
    return await asyncio.to_thread(_begin, box, file)


@contextmanager
def _as_owner_of(database: Path) -> Iterator[None]:
    """What root makes meanwhile belongs to the box's control, which has to read it."""
    if os.geteuid() != 0:
        yield
        return
    owner = database.stat()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def _read(file: Path) -> bytes:
    try:
        text = read_plain(file, MAX_BYTES)
    except OSError as error:
        raise NoInputError(f"{file} cannot be read: {error.strerror}.") from error
    if text is None:
        raise SiteFileError([Fault("file", f"It is no file, or larger than {MAX_BYTES} bytes.")])
    return text


def _begin(box: BoxSettings, file: Path) -> str:
    """Have a control process that runs begin anew; which it does not in a call."""
    report = f"What becomes of it is told on the page, and beside {file} in bargebox-report.txt."
    try:
        access = find_access(None, None, box.local_access)
        call(access, "POST", "/settings/apply", timeout_s=BEGIN_LIMIT_S)
    except UnreachableError:
        return f"Planned. Control does not run; it is applied at its next start. {report}"
    except ApiError as error:
        return f"Planned. {error.detail} The box applies it by itself then. {report}"
    return f"The box applies it now. {report}"


def _writable(box: BoxSettings) -> bool:
    try:
        with box.database.open("r+b"):
            return True
    except OSError:
        return False
