"""``bargebox factory-reset --yes``: for whoever stands at the box, with control running or not."""

from __future__ import annotations

import argparse
import os

from appliance.console.api_client import UnreachableError, call, find_access
from appliance.monitoring.audit_rows import canonical
from appliance.provisioning.reset.marker import Marker, Ordered
from appliance.service.errors import BargeboxError
from appliance.settings import BoxSettings, load_or_last_good

PATH = "/device/factory-reset"


def run(chosen: argparse.Namespace) -> int:
    """Have control do it, which refuses in a call; where none runs, its next start does."""
    box = load_or_last_good(chosen.settings)[0].box
    try:
        # Of this box alone, whatever the environment says of others.
        access = find_access("", "", box.local_access)
        if "BARGEBOX_URL" in os.environ:
            raise BargeboxError("Unset BARGEBOX_URL: this command is for the box that it runs on.")
        name = call(access, "GET", PATH)["name"]
        answer = call(access, "POST", PATH, {"name": name})
    except UnreachableError:
        _order(box)
        print("Ordered: the next start of control removes everything that was made on this box.")
        return 0
    print(f"Everything that was made on {name} is being removed. Its former audit log ended with:")
    print(canonical({"audit_head": answer["head"]}))
    return 0


def _order(box: BoxSettings) -> None:
    if not os.access(box.state_dir, os.W_OK):
        raise BargeboxError(
            f"{box.state_dir} is not there, or you may not write in it. Use sudo.", code="state"
        )
    Marker(box.state_dir).write(Ordered())
