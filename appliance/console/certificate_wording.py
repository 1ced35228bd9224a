"""Words of the page about the certificate."""

from __future__ import annotations

import math

from appliance.console.language import counted, translated

ORIGINS = {
    "own": "The box made this certificate itself, and renews it by itself.",
    "uploaded": "This certificate was uploaded.",
    "file": (
        "The box’s settings file names this certificate (console.tls_certificate), and it goes "
        "first. To manage it here, take those lines out of the file."
    ),
}
DONE = {
    "requested": "The request is made.",
    "withdrawn": "The request is withdrawn.",
    "uploaded": "Uploaded. New connections get this certificate from now on.",
    "own": "The box uses its own certificate again.",
    "trusted": "Added. The next connection to the call platform believes it.",
    "removed": "Removed.",
}
"""What has just been done, by the word in the page's address."""
DAY_S = 86400


def ends_in(seconds: float) -> str:
    """How long a certificate still lasts; *seconds* are negative after its end."""
    if seconds < 0:
        return translated("Certificate ended")
    days = math.ceil(seconds / DAY_S)
    return counted("Certificate: %(num)s day left", "Certificate: %(num)s days left", days)
