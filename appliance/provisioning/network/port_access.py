"""How the box signs in at the switch's port (IEEE 802.1X), and what it needs for that.

Certificates, keys and passwords can be set and replaced; nobody reads them.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

Pem = Annotated[SecretStr, Field(max_length=32_768, json_schema_extra={"format": "pem"})]
Words = Annotated[str, Field(max_length=255)]
Secret = Annotated[SecretStr, Field(max_length=255)]

SECRETS: Final = {
    "off": (),
    "tls": ("ca_certificate", "client_certificate", "private_key_password", "private_key"),
    "peap": ("ca_certificate", "password"),
}
"""By method: what is only ever written."""

NEEDED: Final = {
    "off": (),
    "tls": ("ca_certificate", "client_certificate", "private_key"),
    "peap": ("ca_certificate", "password"),
}


class PortAccess(BaseModel):
    """Only where the site demands it of whatever is plugged in."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    method: Literal["off", "tls", "peap"] = "off"

    identity: Words = Field("", validate_default=True)
    """The box's name at the site's RADIUS server."""

    anonymous_identity: Words = ""
    """The name that is sent unencrypted, where the site wants another one there."""

    server_domain: Words = ""
    """The end of the RADIUS server's name, as in its certificate: ``radius.example.org``. Empty:
    any server with a certificate of this CA is trusted."""

    ca_certificate: Pem | None = None
    """PEM. The CA of the RADIUS server's certificate."""

    client_certificate: Pem | None = None
    """PEM. The box's own certificate."""

    private_key_password: Secret | None = None
    """Where the key is encrypted."""

    private_key: Pem | None = Field(None, validate_default=True)
    """PEM. The key of the box's own certificate."""

    password: Secret | None = None

    @field_validator("identity")
    @classmethod
    def _identity_is_there(cls, given: str, info: ValidationInfo) -> str:
        if info.data.get("method", "off") != "off" and not given.strip():
            raise ValueError("This is needed.")
        return given.strip()

    @field_validator("ca_certificate", "client_certificate")
    @classmethod
    def _certificate_is_one(cls, given: SecretStr | None) -> SecretStr | None:
        if _text(given) and _certificate(_text(given)) is None:
            raise ValueError("This is no certificate in PEM; it begins with -----BEGIN.")
        return given

    @field_validator("private_key")
    @classmethod
    def _key_fits(cls, given: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        password = _text(info.data.get("private_key_password"))
        certificate = _text(info.data.get("client_certificate"))
        if _text(given):
            _check_key(_text(given), password, certificate)
        elif password or certificate:
            raise ValueError("Give the key again, together with its certificate and password.")
        return given


def _text(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value().strip()


def _certificate(text: str) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        return None


def _check_key(text: str, password: str, certificate: str) -> None:
    try:
        key = load_pem_private_key(text.encode(), password.encode() or None)
    except TypeError as error:
        encrypted = "The key is encrypted: give its password too."
        plain = "The key is not encrypted: leave its password empty."
        raise ValueError(plain if password else encrypted) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        closed = "The password does not open the key."
        none = "This is no private key in PEM; it begins with -----BEGIN."
        raise ValueError(closed if password else none) from error
    owner = _certificate(certificate) if certificate else None
    kind = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if owner and owner.public_key().public_bytes(*kind) != key.public_key().public_bytes(*kind):
        raise ValueError("This key is not that of the certificate.")
