"""The signed head of the audit log: where the log begins and ends, under the box's own key.

One form everywhere, a line of canonical JSON: in the database, in the file beside it, as the last
line of an export, and in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.monitoring.audit_rows import GENESIS, canonical

MARK: Final = '{"audit_head":'
"""How the line begins."""
_CONTEXT: Final = b"bargebox-audit-head-v1\n"
"""Signed with each head, so that a signature of this key fits nothing else."""


class HeadError(ValueError):
    """This is no head that was signed by the key it names. Its words say why."""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The log has *rows* rows after row *cut* and ends with row *seq*.

    Hashes and signature (Ed25519, RFC 8032) are in lower-case hexadecimal, ``at`` is RFC 3339.
    """

    at: str
    cut: int
    """The last row that was removed because of its age; 0 where none was."""
    cut_hash: str
    hash: str
    public_key: str
    rows: int
    seq: int
    signature: str = ""

    @classmethod
    def sign(
        cls,
        key: Ed25519PrivateKey,
        seq: int,
        last: str,
        *,
        cut: int = 0,
        cut_hash: str = GENESIS,
    ) -> Self:
        """The head of a log that ends with row *seq* of the hash *last*, as of now."""
        head = cls(
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            cut=cut,
            cut_hash=cut_hash,
            hash=last,
            public_key=public_key(key),
            rows=seq - cut,
            seq=seq,
        )
        return cls(**{**asdict(head), "signature": key.sign(head._statement()).hex()})

    @classmethod
    def parse(cls, line: str) -> Self:
        """A head whose signature is right, by the key that it names itself; ask for that one too.

        Raises `HeadError` unless *line* is, to the byte, what a box writes.
        """
        try:
            found = json.loads(line)["audit_head"]
            head = cls(**found)
            names = {"cut", "rows", "seq"}
            typed = all(
                type(found[part.name]) is (int if part.name in names else str)
                for part in fields(cls)
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            raise HeadError("it is no signed head") from None
        if not typed or head.line() != line or head.rows != head.seq - head.cut:
            raise HeadError("it is not as a box writes it")
        try:
            signer = Ed25519PublicKey.from_public_bytes(_bytes(head.public_key))
            signer.verify(_bytes(head.signature), head._statement())
        except (ValueError, InvalidSignature):
            raise HeadError("its signature does not fit") from None
        return head

    def line(self) -> str:
        """The one form, without the line's end."""
        return canonical({"audit_head": asdict(self)})

    def told(self) -> dict[str, str | int]:
        """Its fields, for JSON."""
        return asdict(self)

    def _statement(self) -> bytes:
        told = asdict(self)
        del told["signature"]
        return _CONTEXT + canonical(told).encode("utf-8", "backslashreplace")


def public_key(key: Ed25519PrivateKey) -> str:
    """The public half, in hexadecimal: how a box's key is told."""
    return key.public_key().public_bytes_raw().hex()


def _bytes(text: str) -> bytes:
    """Of lower-case hexadecimal, and of nothing that merely means the same. Raises ValueError."""
    found = bytes.fromhex(text)
    if found.hex() != text:
        raise ValueError("not lower-case hexadecimal")
    return found


def parsed(line: str) -> SignedHead | None:
    """The head of *line*; None where it is none."""
    try:
        return SignedHead.parse(line)
    except HeadError:
        return None


def heads_in(line: str) -> Iterator[SignedHead]:
    """The signed heads somewhere in *line*, which may come from a journal. Raises `HeadError`."""
    start = line.find(MARK)
    while start >= 0:
        try:
            _, end = json.JSONDecoder().raw_decode(line, start)
        except (ValueError, RecursionError):
            raise HeadError("it is no signed head") from None
        yield SignedHead.parse(line[start:end])
        start = line.find(MARK, end)
