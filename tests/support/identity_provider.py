"""A real identity provider, Canaille, in a process of its own over TLS."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.support.certificate_site import SiteAuthority

NAME = "localhost"
"""Another host than the box's 127.0.0.1, so that a browser takes it for another site."""
CLIENT, SECRET = "bargebox", "the-client-s-secret-0123456789"
PASSWORD = "correct horse battery"
PEOPLE = {"ada": ["leads"], "bob": ["agents"], "eve": ["leads", "technicians"], "sam": ["leads"]}
"""Who is in which groups. The box of the tests has an account *sam* of its own."""
ROOT = Path(__file__).parents[2]


@dataclass
class IdentityProvider:
    """The provider as the tests see it; ``authority`` is the PEM of who vouches for it."""

    issuer: str
    authority: str
    process: subprocess.Popen[str]

    def put(self, name: str, *groups: str) -> None:
        """The person is in these groups from now on, and in no other."""
        self._pipe(self.process.stdin).write(json.dumps({name: groups}) + "\n")
        self._pipe(self.process.stdin).flush()
        assert self._pipe(self.process.stdout).readline() == "done\n"

    def _pipe(self, pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


def free_port() -> int:
    """One that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def identity_provider(
    directory: Path,
    *redirects: str,
    people: Mapping[str, list[str]] = PEOPLE,
    method: str = "client_secret_basic",
) -> Iterator[IdentityProvider]:
    """One that knows the box by these addresses, until the block ends."""
    authority, port = SiteAuthority(directory), free_port()
    files = directory / "provider.pem", directory / "provider.key"
    for file, text in zip(files, authority.issue(NAME, "127.0.0.1"), strict=True):
        file.write_text(text)
    given = {
        "name": NAME,
        "port": port,
        "password": PASSWORD,
        "people": dict(people),
        "client": CLIENT,
        "secret": SECRET,
        "redirects": redirects,
        "method": method,
        "tls": [str(file) for file in files],
    }
    command = [sys.executable, "-m", "tests.support.identity_server", json.dumps(given)]
    with (
        (directory / "provider.log").open("w") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            started = process.stdout.readline()
            assert started == "ready\n", (directory / "provider.log").read_text()
            yield IdentityProvider(f"https://{NAME}:{port}", authority.pem, process)
        finally:
            process.stdin.close()
            process.wait(20)


def trusting(authority: str) -> ssl.SSLContext:
    """What a test's own client believes."""
    return ssl.create_default_context(cadata=authority)
