"""What can be wrong with a certificate, told of the value that it is wrong with."""

from __future__ import annotations

from appliance.service.errors import BargeboxError, ValuesError


class CertificateError(ValuesError):
    """What was given cannot be used (``invalid_certificate``); nothing was changed.

    The words belong to one value: ``certificate``, ``key``, ``password`` or ``names``.
    """

    code = "invalid_certificate"

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words, {field: words})


class CertificateStateError(BargeboxError):
    """Not as things stand: a request is open already, or there is nothing to take back."""

    code = "certificate_state"


class CertificateFileError(BargeboxError):
    """The box's own files of certificates cannot be read or written."""

    code = "certificate_file"
