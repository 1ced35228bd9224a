"""Secrets of every kind, and where they are found again, in whatever form."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

PLATFORM = "pl4tform/Pass+word=9§"
"""With characters that every form writes in another way."""
FORMS = ("plain", "hex", "HEX", "url", "form", "base64", "base64url", "within base64")


def forms(secret: str) -> Iterator[str]:
    """The secret as others may write it; alone, or within a longer text that is in base64."""
    data = secret.encode()
    yield from (secret, data.hex(), data.hex().upper())
    yield from (quote(secret, safe=""), quote_plus(secret))
    yield base64.b64encode(data).decode()
    yield base64.urlsafe_b64encode(data).decode()
    for before in (b"user:", b"a", b"ab", b"abc"):
        yield base64.b64encode(before + data + b"!").decode()


def traces(secret: str) -> Iterator[str]:
    """What of each form is the secret's own, so that nothing of it may be found anywhere."""
    data = secret.encode()
    yield from (secret, data.hex(), data.hex().upper())
    yield from (quote(secret, safe=""), quote_plus(secret))
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data + b"\0\0")
        own = encoded[4 if before else 0 : (before + len(data)) // 3 * 4].decode()
        yield own
        yield own.replace("+", "-").replace("/", "_")


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """The traces of *secrets* in *text*."""
    return [trace for secret in secrets for trace in traces(secret) if trace in text]


def opened(bundle: bytes) -> dict[str, str]:
    """The files of a support bundle."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(bundle), mode="r:gz") as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            found[entry.name.removeprefix("bargebox-support/")] = file.read().decode()
    return found
