"""Why a change of the network, the name or the clock is not made."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.service.errors import BargeboxError


class NotChangedError(BargeboxError):
    """Nothing has changed; ``fields`` says of single values what is wrong with them."""

    code = "invalid_input"

    def __init__(
        self, detail: str, *, code: str | None = None, fields: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, code=code)
        self.fields = dict(fields or {})

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> NotChangedError:
        """For single values that are wrong."""
        detail = " ".join(f"{name}: {words}" for name, words in fields.items())
        return cls(detail, fields=fields)
