"""A site's people around certificates: its authority, run by OpenSSL's own command, and its box."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from appliance.provisioning.certificates.folder import CertificateFolder
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.certificates.names import BoxNames
from tests.support.console_memory import MemoryAudit

SERVER = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
NAMES = ("box", "box.local")


def openssl(*arguments: str | Path, given: bytes | None = None) -> bytes:
    """What the command prints. Raises when it fails."""
    done = subprocess.run(
        ["openssl", *arguments], input=given, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def new_key(path: Path, kind: str = "ec") -> Path:
    """A private key by the command: ``ec``, ``ed25519``, or bits of RSA."""
    if kind == "ec":
        options = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    elif kind.isdecimal():
        options = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind}"]
    else:
        options = ["-algorithm", kind]
    openssl("genpkey", *options, "-out", path)
    return path


@dataclass
class SiteAuthority:
    """A root, and perhaps what it issued below itself."""

    path: Path
    name: str = "root"
    above: SiteAuthority | None = None

    def __post_init__(self) -> None:
        self.path.mkdir(exist_ok=True)
        self.key = new_key(self.path / f"{self.name}.key")
        subject = f"/CN=site {self.name}"
        if self.above is None:
            self.pem = openssl(
                "req", "-x509", "-new", "-key", self.key, "-subj", subject, "-days", "30",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            ).decode()  # fmt: skip
        else:
            asked = openssl("req", "-new", "-key", self.key, "-subj", subject)
            self.pem = self.above.sign(asked.decode(), extensions=CA)
        self.file = self.path / f"{self.name}.pem"
        self.file.write_text(self.pem)

    def sign(
        self, request: str, *, extensions: str = SERVER, days: str = "20", digest: str = "sha256"
    ) -> str:
        """The certificate for a request (PEM), with the names that it asks for."""
        extra = self.path / "extensions"
        extra.write_text(extensions)
        return openssl(
            "x509", "-req", "-CA", self.file, "-CAkey", self.key, "-CAcreateserial",
            "-days", days, f"-{digest}", "-copy_extensions", "copyall", "-extfile", extra,
            given=request.encode(),
        ).decode()  # fmt: skip

    def issue(
        self, *names: str, kind: str = "ec", days: str = "20", digest: str = "sha256",
        extensions: str = SERVER,
    ) -> tuple[str, str]:  # fmt: skip
        """A certificate for *names* and its key, both PEM."""
        key = new_key(self.path / "issued.key", kind)
        more = [] if not names else ["-addext", f"subjectAltName={_alternatives(names)}"]
        asked = openssl("req", "-new", "-key", key, "-subj", "/CN=issued", *more)
        made = self.sign(asked.decode(), days=days, digest=digest, extensions=extensions)
        return made, key.read_text()


def _alternatives(names: tuple[str, ...]) -> str:
    return ",".join(f"{'IP' if _is_address(name) else 'DNS'}:{name}" for name in names)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


@dataclass
class SiteBox:
    """A box's certificates on a real folder, with a clock and names that the test sets."""

    path: Path
    fixed: tuple[Path, Path] | None = None
    names: tuple[str, ...] = NAMES
    addresses: tuple[str, ...] = ("192.0.2.7", "127.0.0.1")
    ahead: timedelta = timedelta()
    audit: MemoryAudit = field(default_factory=MemoryAudit)

    def __post_init__(self) -> None:
        self.audit.rows.clear()
        self.keeper = self.keeper_again()

    def keeper_again(self) -> CertificateKeeper:
        """As after a restart; still to begin."""
        self.keeper = CertificateKeeper(
            CertificateFolder(self.path), self.audit, self._names, fixed=self.fixed,
            clock=lambda: datetime.now(UTC) + self.ahead, on_death=_dies,
        )  # fmt: skip
        return self.keeper

    def _names(self) -> BoxNames:
        return BoxNames(self.names, tuple(ip_address(one) for one in self.addresses))

    def files(self) -> dict[str, bytes]:
        """What lies in its folder."""
        return {path.name: path.read_bytes() for path in self.path.iterdir()}

    async def begin(self) -> SiteBox:
        """With its own certificate made, and nothing on record yet."""
        await self.keeper.begin()
        self.audit.rows.clear()
        return self

    def actions(self) -> list[tuple[str, str]]:
        """Who did what, as it is on record."""
        return [(row.actor, row.action) for row in self.audit.rows]


def _dies(name: str) -> None:
    raise AssertionError(f"{name} died")
