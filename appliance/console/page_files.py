"""The page's own files, under an address that changes with them."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

ADDRESS: Final = "/static"
KEPT: Final = "max-age=31536000, immutable"
"""A browser keeps a file for a year and does not even ask whether it has changed (RFC 8246)."""
_VERSION = re.compile(r"v-[0-9a-f]{16}")


class PageFiles(StaticFiles):
    """Files of *folder*, as they are, at ``/NAME`` and ``/VERSION/NAME``.

    Only the version of now is kept by browsers. Another one, of a page from before an update, gets
    the files of now too, and asks again each time.
    """

    def __init__(self, folder: Path, version: str) -> None:
        super().__init__(directory=folder)
        self._version = version

    def get_path(self, scope: Scope) -> str:
        """The file's path in the folder."""
        path = super().get_path(scope)
        version, _, rest = path.partition(os.sep)
        return rest if _VERSION.fullmatch(version) else path

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file, or that it is not modified."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if super().get_path(scope).startswith(self._version + os.sep):
            response.headers["Cache-Control"] = KEPT
        return response


def version_of(folder: Path) -> str:
    """The name of what is in *folder* now. Reads all of it: call it once."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return f"v-{digest.hexdigest()[:16]}"
