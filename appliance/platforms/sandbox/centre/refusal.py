"""A request that the centre does not carry out."""

from __future__ import annotations

from appliance.service.errors import BargeboxError


class RefusedError(BargeboxError):
    """``code`` is an end reason where one applies, else one word for what was wrong."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, code=code)
