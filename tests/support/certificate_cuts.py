"""Run as a process: a power cut at each step of a change to the certificates, one after the other.

Prints what is found after each cut, one JSON object a line: the step before which the cut came,
and the common name of the pair and the request that are left.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import sys
from datetime import UTC, datetime
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

STEPS = ("open", "os.rename", "os.remove")
NEW_KEY = make_key()


def pair(name: str, key: object = None) -> Pair:
    key = key or make_key()
    return Pair(key, (make_own(key, BoxNames((name,), ()), datetime.now(UTC)),))  # type: ignore[arg-type]


def change(folder: CertificateFolder) -> None:
    """The answer to the open request is taken into use."""
    folder.try_out(pair("new", NEW_KEY))
    folder.keep(UPLOADED, answered=True)


def cut_before(number: int, folder: CertificateFolder) -> str:
    """A process of its own dies before its step *number*; which step that was, or nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event in STEPS and str(arguments[0]).startswith(str(folder.path)):
                seen += 1
                if seen == number:
                    os.write(writing, event.encode())
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        change(folder)
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as told:
        step = told.read()
    assert step or os.WIFEXITED(status), status
    return step


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
    for number in range(1, 100):
        folder = CertificateFolder(path / str(number))
        folder.begin()
        folder.try_out(pair("old"))
        folder.keep(UPLOADED)
        folder.open_request(NEW_KEY, make_request(NEW_KEY, ["new"]))
        step = cut_before(number, folder)
        print(json.dumps({"step": step, **found(folder)}), flush=True)
        if not step:
            return
    raise AssertionError("no end of steps")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
