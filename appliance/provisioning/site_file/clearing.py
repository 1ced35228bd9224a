"""Takes the secrets off the medium that a plan came from, and leaves any other medium alone."""

from __future__ import annotations

import logging
from pathlib import Path

from appliance.provisioning.site_file.erasing import rewrite, secret_places, shred, without
from appliance.provisioning.site_file.places import Places
from appliance.provisioning.site_file.plan import Plan, Seen
from appliance.provisioning.site_file.reading import MAX_BYTES, decoded, read_data, read_plain

log = logging.getLogger(__name__)


def erase(plan: Plan, places: Places) -> None:
    """The secrets leave the file, once all is safe in the plan; waits for the disk.

    Raises `PlanError`.
    """
    if plan.source is None or plan.erased:
        return
    try:
        if not _erase_file(plan, plan.source, places.seen):
            log.error("%s is another file now; the secrets of the former stay", plan.source)
            return
        for name in plan.beside:
            shred(plan.source.parent / name)
    except OSError as error:
        log.error("the secrets in %s cannot be erased: %s", plan.source, error.strerror)
        return
    plan.erased = True
    places.plan.keep(plan)


def _erase_file(plan: Plan, source: Path, seen: Seen) -> bool:
    """Whether it is the plan's own medium, so that what lies beside may be deleted."""
    text = read_plain(source, MAX_BYTES)
    digest = seen.digest(text or b"")
    if text is None or digest != plan.digest:
        # Another one by now, as of somebody else's stick; or erased before the power went.
        erased_before = text is not None and seen.knows(digest) == "applied"
        seen.add({plan.digest: "applied"})
        return erased_before
    erased = without(decoded(text), [*secret_places(read_data(plan.data))])
    seen.add({digest: "applied", seen.digest(erased.encode()): "applied"})
    rewrite(source, erased)
    return True
