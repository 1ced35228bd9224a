"""Why a sign-in at the identity provider led nowhere."""

from __future__ import annotations

from appliance.console.language import Language
from appliance.console.openid_wording import ANSWER_FAULTS, REASONS, TOKEN_FAULTS
from appliance.service.errors import BargeboxError

LONGEST_CAUSE = 200


class OpenIdError(BargeboxError):
    """A reason by its code in `REASONS`; what fills its gaps may come from outside."""

    def __init__(self, code: str, **values: str) -> None:
        self.values = {name: harmless(value) for name, value in values.items()}
        super().__init__(REASONS[code].format(**self.values), code=code)

    def spoken(self, language: Language) -> str:
        """The reason in *language*, what fills its gaps too where that is the box's own word."""
        values = {name: language.of(value) or value for name, value in self.values.items()}
        return (language.of(REASONS[self.code]) or REASONS[self.code]).format(**values)


class AnswerError(Exception):
    """An answer of the provider cannot be used; ``words`` say why, by a code of `ANSWER_FAULTS`."""

    def __init__(self, code: str, **values: str) -> None:
        told = {name: harmless(value) for name, value in values.items()}
        self.code, self.words = code, ANSWER_FAULTS[code].format(**told)
        super().__init__(self.words)


class AwayError(Exception):
    """The provider cannot be reached, or not within its time; ``words`` say why."""

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(words)


class TokenError(Exception):
    """What the provider says of somebody is not believed, by a code of `TOKEN_FAULTS`."""

    def __init__(self, code: str, **values: str) -> None:
        told = {name: harmless(value) for name, value in values.items()}
        self.code, self.words = code, TOKEN_FAULTS[code].format(**told)
        super().__init__(self.words)


def harmless(text: str) -> str:
    """Words from outside: one short line that can be printed."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_CAUSE else f"{line[:LONGEST_CAUSE]}…"
