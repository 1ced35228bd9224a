"""The page's own files, from memory, under an address that changes with them."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from appliance.console.page_scripts import PageScripts

ADDRESS: Final = "/static"
KEPT: Final = "max-age=31536000, immutable"
"""A browser keeps a file for a year and does not even ask whether it has changed (RFC 8246)."""
_VERSION = re.compile(r"/v-[0-9a-f]{16}(?=/)")


@dataclass(frozen=True, slots=True)
class _File:
    plain: bytes
    zipped: bytes
    media_type: str
    etag: str


class PageFiles:
    """ASGI app with the files of *folder* at ``/NAME`` and ``/VERSION/NAME``. Reads all, once.

    Beside them are the joined ones that a page asked for: its scripts (`script`) and its sheets.

    From the disk, and compressed each time, they would keep the box's one web process busy for
    longer than the page itself.

    Only the version of now is kept by browsers. Another one, of a page from before an update, gets
    the files of now too, and asks again each time.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {
            name: _file(name, path.read_bytes())
            for path in _all(folder)
            for name in [f"/{path.relative_to(folder)}"]
        }
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name} {len(file.plain)}\n".encode() + file.plain)
        self.version: Final = f"v-{digest.hexdigest()[:16]}"
        """Of all of them together."""
        self.scripts: Final = PageScripts(
            {path.stem: path.read_text("utf-8") for path in sorted((folder / "js").glob("*.js"))}
        )

    def script(self, parts: Sequence[str]) -> str:
        """The name of one file with all scripts of a page with these *parts*.

        Raises ``KeyError`` for a part that is not there.
        """
        name = f"/js/{'+'.join(['page', *parts])}.js"
        if name not in self._files:
            self._files[name] = _file(name, self.scripts.joined(parts).encode())
        return name

    def sheet(self, styles: Sequence[str]) -> str:
        """The name of one file with these sheets, one behind the other. Raises ``KeyError``."""
        name = f"/css/{'+'.join(styles)}.css"
        if name not in self._files:
            sheets = [self._files[f"/css/{style}.css"].plain for style in styles]
            self._files[name] = _file(name, b"\n".join(sheets))
        return name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD. Raises ``HTTPException`` (404, 405)."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        file = self._files.get(_VERSION.sub("", path, count=1))
        if scope["type"] != "http" or file is None:
            raise HTTPException(404)
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        kept = path.startswith(f"/{self.version}/")
        headers = {"ETag": file.etag, "Vary": "Accept-Encoding"}
        headers["Cache-Control"] = KEPT if kept else "no-cache"
        await _answer(file, Headers(scope=scope), headers)(scope, receive, send)


@lru_cache(maxsize=4)
def page_files(folder: Path) -> PageFiles:
    """Those of *folder*, for all lives of control: a page that was made in one may ask the next."""
    return PageFiles(folder)


def _answer(file: _File, asked: Headers, headers: dict[str, str]) -> Response:
    known = asked.get("if-none-match", "").split(",")
    if file.etag in [tag.strip().removeprefix("W/") for tag in known]:
        return Response(status_code=304, headers=headers)
    if "gzip" in asked.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.zipped, headers=headers, media_type=file.media_type)
    return Response(file.plain, headers=headers, media_type=file.media_type)


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _file(name: str, plain: bytes) -> _File:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    etag = f'"{hashlib.sha256(plain).hexdigest()[:32]}"'
    return _File(plain, gzip.compress(plain, 9, mtime=0), media_type, etag)
