"""The secrets of an export, sealed by a passphrase: scrypt (RFC 7914) and AES-256-GCM.

The seal covers the rest of the document too. Otherwise whoever holds the file could send a secret
to an address of their own, by changing that and waiting for somebody who opens it.
"""

from __future__ import annotations

import base64
import json
import os
from copy import deepcopy
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from appliance.provisioning.site_file.erasing import secret_places
from appliance.provisioning.site_file.errors import SiteFileError
from appliance.provisioning.site_file.reading import read_data
from appliance.provisioning.words import said

Data = dict[str, Any]

SHORTEST: Final = 10
"""Characters of a passphrase."""
PART: Final = "sealed"
_SALT, _NONCE = 16, 12
_TOO_SHORT = said("A passphrase has {count} characters or more.", count=SHORTEST)
_WRONG = said(
    "It does not open with this passphrase, or the file was changed since it was exported."
)


def seal(data: Data, passphrase: str) -> Data:
    """*data* with its secrets sealed. Takes its time. Raises `SiteFileError`."""
    if len(passphrase) < SHORTEST:
        raise SiteFileError.of({"passphrase": _TOO_SHORT})
    plain, secrets = deepcopy(data), []
    for where in secret_places(read_data(data)):
        within: Any = plain
        for step in where[:-1]:
            within = within[step]
        secrets.append([[*where], within.pop(where[-1])])
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    text = json.dumps(secrets).encode()
    sealed = nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, text, _canonical(plain))
    return plain | {PART: {"salt": _text(salt), "text": _text(sealed)}}


def opened(data: Data, passphrase: str) -> Data:
    """What was sealed. Takes its time. Raises `SiteFileError`."""
    plain = deepcopy(data)
    part = plain.pop(PART)
    try:
        salt, sealed = (base64.b64decode(part[name], validate=True) for name in ("salt", "text"))
        cipher = AESGCM(_key(passphrase, salt))
        text = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _canonical(plain))
        for where, secret in json.loads(text):
            within: Any = plain
            for step in where[:-1]:
                within = within[step]
            within[where[-1]] = secret
    except (InvalidTag, ValueError, LookupError, TypeError, RecursionError) as error:
        raise SiteFileError.of({"passphrase": _WRONG}) from error
    return plain


def _key(passphrase: str, salt: bytes) -> bytes:
    # OWASP's choice for 32 MiB: whoever has the file may guess for as long as they like.
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=3).derive(passphrase.encode())


def _canonical(plain: Data) -> bytes:
    return json.dumps(plain, sort_keys=True, default=str).encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
