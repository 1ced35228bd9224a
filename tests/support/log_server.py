"""A real rsyslog that receives over UDP, TCP and TLS and writes what it understood into a file."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificate_site import SiteAuthority

CONFIGURATION = """
global(workDirectory="{folder}" defaultNetstreamDriverCAFile="{ca}"
       defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imudp")
module(load="imtcp" MaxSessions="10")
input(type="imudp" port="{udp}" address="127.0.0.1")
input(type="imtcp" port="{tcp}" address="127.0.0.1")
input(type="imtcp" port="{tls}" address="127.0.0.1" StreamDriver.Name="ossl"
      StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
template(name="fields" type="string"
  string="%pri%|%timestamp:::date-rfc3339%|%hostname%|%app-name%|%procid%|%msgid%|%structured-data%|%msg%\\n")
action(type="omfile" file="{file}" template="fields")
"""


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class LogServer:
    """One that can be stopped and started again at the same ports; its certificate is for
    *localhost*.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.file = folder, folder / "received"
        self.site = SiteAuthority(folder / "site")
        certificate, key = self.site.issue("localhost")
        (folder / "server.pem").write_text(certificate)
        (folder / "server.key").write_text(key)
        (folder / "ca.pem").write_text(self.site.pem)
        self.ports = {
            "udp": free_port(socket.SOCK_DGRAM),
            "tcp": free_port(),
            "tls": free_port(),
        }
        (folder / "conf").write_text(
            CONFIGURATION.format(
                folder=folder,
                file=self.file,
                ca=folder / "ca.pem",
                certificate=folder / "server.pem",
                key=folder / "server.key",
                **self.ports,
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Up, and listening."""
        arguments: list[str | Path] = ["-n", "-f", self.folder / "conf", "-i", self.folder / "pid"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/usr/sbin/rsyslogd", *arguments], stdout=log, stderr=log
            )
        until = time.monotonic() + 20
        for name in ("tcp", "tls"):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", self.ports[name]), 1).close()
                    break
                except OSError:
                    said = (self.folder / "log").read_text()
                    assert self._process.poll() is None, said
                    assert time.monotonic() < until, said
                    time.sleep(0.05)

    def stop(self) -> None:
        """Gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    @property
    def received(self) -> list[list[str]]:
        """What it understood, field by field; the last is the text."""
        if not self.file.exists():
            return []
        lines = self.file.read_text().splitlines()
        return [line.split("|", 7) for line in lines if line.count("|") >= 7]


@contextmanager
def log_server(folder: Path) -> Iterator[LogServer]:
    """Up until left."""
    server = LogServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
