"""Run as a process: a power cut at each step of a change to the certificates, one after the other.

Each step is cut twice: before it begins, and, of what is written next, after its first bytes.
Prints what is found after each cut, one JSON object a line: the step, and the common name of the
pair and the request that are left.
"""

from __future__ import annotations

import json
import ssl
import sys
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path

from appliance.provisioning.certificates.facts import key_fingerprint
from appliance.provisioning.certificates.folder import (
    UPLOADED,
    CertificateFolder,
    server_context,
)
from appliance.provisioning.certificates.judging import Pair
from appliance.provisioning.certificates.names import BoxNames
from appliance.provisioning.certificates.own import make_key, make_own, make_request
from tests.support.cuts import Named, cut_at

STEPS = ("open", "os.rename", "os.remove")
NEW_KEY = make_key()


def pair(name: str, key: object = None) -> Pair:
    key = key or make_key()
    return Pair(key, (make_own(key, BoxNames((name,), ()), datetime.now(UTC)),))  # type: ignore[arg-type]


def change(folder: CertificateFolder) -> None:
    """The answer to the open request is taken into use."""
    folder.try_out(pair("new", NEW_KEY))
    folder.keep(UPLOADED, answered=True)


def step_in(folder: CertificateFolder) -> Named:
    """A step is what opens or changes a file of that folder."""

    def named(event: str, arguments: tuple[object, ...]) -> str:
        inside = event in STEPS and str(arguments[0]).startswith(str(folder.path))
        return event if inside else ""

    return named


def found(folder: CertificateFolder) -> dict[str, object]:
    """As the box's next start finds it; the pair as OpenSSL takes it up."""
    folder.begin()
    left = folder.pair(UPLOADED)
    assert left is not None
    context = server_context(folder.path / UPLOADED)
    assert isinstance(context, ssl.SSLContext)
    pending = folder.pending()
    return {
        "uploaded": left.facts.names[0],
        "new key": key_fingerprint(left.key.public_key()) == key_fingerprint(NEW_KEY.public_key()),
        "request": pending is not None
        and key_fingerprint(pending.key.public_key()) == key_fingerprint(NEW_KEY.public_key()),
        "files": sorted(path.name for path in folder.path.iterdir()),
    }


def main(path: Path) -> None:
    """Until a change has no step left to die before."""
    for number, within in product(range(1, 100), (False, True)):
        folder = CertificateFolder(path / f"{number}-{within}")
        folder.begin()
        folder.try_out(pair("old"))
        folder.keep(UPLOADED)
        folder.open_request(NEW_KEY, make_request(NEW_KEY, ["new"]))
        step = cut_at(number, partial(change, folder), step_in(folder), within=within)
        print(json.dumps({"step": step, "within": within, **found(folder)}), flush=True)
        if not step:
            return
    raise AssertionError("no end of steps")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
