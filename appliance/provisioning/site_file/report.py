"""What became of a document, in a text that lies beside it and is shown on the page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from appliance.provisioning.site_file.errors import SiteFileError
from appliance.provisioning.site_file.plan import Outcome, PartName, Plan
from appliance.provisioning.site_file.reading import read_plain
from appliance.service.files import write_whole

NAME: Final = "bargebox-report.txt"
KEPT: Final = "report.txt"
"""Its copy in the box."""

_HEAD: Final = "Bargebox: report on {name}\n{at:%Y-%m-%d %H:%M} UTC\n\n"
_WAITS: Final = {
    "network": "The network follows, as soon as no call is monitored.",
}


def of_refusal(name: str, error: SiteFileError, now: datetime) -> str:
    """Why the document is not taken."""
    lines = [f"  {fault}" for fault in error.faults]
    return (
        _HEAD.format(name=name, at=now)
        + "REFUSED. Nothing was changed, and the file is as it was, with its secrets.\n"
        + "\n".join([*lines, "", "Mend it, and start the box again with it.", ""])
    )


def of_plan(plan: Plan, left: Iterable[PartName], more: Iterable[Outcome], now: datetime) -> str:
    """How far it has come: what was applied, and what was found when it was looked at."""
    name = "the import" if plan.source is None else plan.source.name
    done, waits = [*plan.done.values()], [*left]
    title = "APPLIED." if all(one.good for one in done) else "APPLIED IN PART. See what is marked."
    done += more
    if waits:
        title = "UNDER WAY."
    lines = [f"  {'done' if one.good else 'FAIL'}  {one.part}: {one.words}" for one in done]
    lines += [f"  wait  {part}: {_WAITS.get(part, _AGAIN)}" for part in waits]
    lines += ["", _secrets_words(plan), ""]
    return _HEAD.format(name=name, at=now) + "\n".join([title, *lines])


_AGAIN: Final = "It failed, and is tried again at the next start."


def _secrets_words(plan: Plan) -> str:
    if plan.source is None:
        return "Imported on the page."
    if plan.erased:
        return "The secrets in the file were erased. The box takes it up once."
    return "THE SECRETS IN THE FILE COULD NOT BE ERASED. Erase them yourself."


def write(text: str, *folders: Path) -> None:
    """Put the report into the first folder, and its copy into the box's own, the last.

    Raises ``OSError``.
    """
    *beside, own = folders
    write_whole(own / KEPT, text.encode(), like=own)
    for folder in beside:
        file = folder / NAME
        if not _is(file, text.encode()):
            write_whole(file, text.encode(), 0o644)


def _is(file: Path, text: bytes) -> bool:
    """Whether it says so already; a stick's may be anything, and of any size."""
    try:
        return read_plain(file, len(text)) == text
    except OSError:
        return False


def now() -> datetime:
    """The time of a report."""
    return datetime.now(UTC)
