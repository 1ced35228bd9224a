"""Why a change of the network, the name or the clock is not made."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.service.errors import ValuesError


class NotChangedError(ValuesError):
    """Nothing has changed; ``fields`` says of single values what is wrong with them."""

    code = "invalid_input"

    def __init__(
        self, detail: str, *, code: str | None = None, fields: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, dict(fields or {}), code=code)

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> NotChangedError:
        """For single values that are wrong."""
        detail = " ".join(f"{name}: {words}" for name, words in fields.items())
        return cls(detail, fields=fields)
