"""A real systemd-journald, apart from the machine's own, whose journal can be read from here."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPT = r"""
set -eu
mount --make-rprivate /
mount --bind "$1" /run
mkdir -p /run/systemd/journal /run/log/journal
mount -t tmpfs tmpfs /var/log
/lib/systemd/systemd-journald &
until [ -S /run/systemd/journal/socket ]; do sleep 0.02; done
echo ready
while read -r who priority text; do
  printf 'MESSAGE=%s\nSYSLOG_IDENTIFIER=%s\nPRIORITY=%s\n' "$text" "$who" "$priority" |
    logger --journald
  echo done
done
"""
LIMIT_S = 20


class PrivateJournal:
    """Its folder is ``journal``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        user = [] if Path("/proc/self").stat().st_uid == 0 else ["--user", "--map-root-user"]
        self._shell = subprocess.Popen(
            ["unshare", *user, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "--", "bash", "-c", SCRIPT, "journal", folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._answer("ready")

    @property
    def journal(self) -> Path:
        """Where the journal's files are."""
        (found,) = (self._folder / "log/journal").iterdir()
        return found

    def say(self, who: str, text: str, priority: int = 6) -> None:
        """A process logs."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{who} {priority} {text}\n")
        self._answer("done")

    def until(self, text: str) -> None:
        """Wait for a line of that text: journald takes it in its own time."""
        end = time.monotonic() + LIMIT_S
        while text not in self._lines():
            assert time.monotonic() < end, f"the journal never had {text!r}"
            time.sleep(0.02)

    def _lines(self) -> list[str]:
        if not any((self._folder / "log/journal").iterdir()):
            return []  # it makes its file with its first line
        ask = ["journalctl", f"--directory={self.journal}", "--output=cat", "--quiet"]
        return subprocess.run(ask, capture_output=True, text=True).stdout.splitlines()

    def close(self) -> None:
        """End it."""
        self._shell.terminate()
        self._shell.communicate(timeout=20)

    def _answer(self, wanted: str) -> None:
        assert self._shell.stdout is not None
        assert self._shell.stdout.readline().strip() == wanted


@contextmanager
def private_journal(folder: Path) -> Iterator[PrivateJournal]:
    """Up until left."""
    folder.mkdir()
    journal = PrivateJournal(folder)
    try:
        yield journal
    finally:
        journal.close()
