"""The JSON shapes of certificates, their requests, and authorities."""

from __future__ import annotations

from base64 import b64decode
from typing import Self

from pydantic import BaseModel, ConfigDict, SecretStr

from appliance.console.views import Moment
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.errors import CertificateError
from appliance.provisioning.certificates.facts import Facts
from appliance.provisioning.certificates.folder import Pending
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.certificates.loading import Origin
from appliance.provisioning.certificates.own import KeyKind
from appliance.provisioning.certificates.reading import Upload


class FactsOut(BaseModel):
    """A certificate; fingerprints are SHA-256, ``AB:CD:…``."""

    subject: str
    issuer: str
    names: list[str]
    fingerprint: str
    key_fingerprint: str
    """Of the public key, which stays when the box renews its own."""
    key: str
    valid_from: Moment
    valid_until: Moment
    self_signed: bool

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """The same, as JSON."""
        return cls.model_validate(facts, from_attributes=True)


class RequestOut(BaseModel):
    """A certificate request that waits for its certificate."""

    names: list[str]
    made_at: Moment
    pem: str
    """PKCS #10, for the authority."""

    @classmethod
    def of(cls, pending: Pending) -> Self:
        """Without its key."""
        return cls(names=list(pending.names), made_at=pending.made_at, pem=pending.pem())


class CertificateOut(BaseModel):
    """The certificate in use, and whether another one is asked for."""

    https: bool
    """It is served with; else the page goes over plain HTTP."""
    origin: Origin
    """The box's ``own``, ``uploaded``, or of the settings ``file``."""
    certificate: FactsOut
    chain: list[str]
    """The subjects of those that the box sends along."""
    ends_soon: bool
    fault: str
    """Why it is not the one that was meant; else empty."""
    request: RequestOut | None
    reached_as: list[str]
    """Names and addresses of the box, of which an uploaded one has to carry one."""

    @classmethod
    async def of(cls, keeper: CertificateKeeper, *, https: bool) -> Self:
        """As it is now."""
        now, pending = keeper.now, keeper.pending
        return cls(
            https=https,
            origin=now.origin,
            certificate=FactsOut.of(now.facts),
            chain=[Facts.of(one).subject for one in now.chain[1:]],
            ends_soon=keeper.ends_soon(),
            fault=now.fault,
            request=None if pending is None else RequestOut.of(pending),
            reached_as=list((await keeper.reached_as()).all()),
        )


class AuthoritiesOut(BaseModel):
    """The site's authorities that the box believes for its call platform."""

    items: list[FactsOut]
    fault: str

    @classmethod
    def of(cls, believed: Authorities) -> Self:
        """As they are now."""
        return cls(items=[FactsOut.of(one) for one in believed.trusted], fault=believed.fault)


class UploadIn(BaseModel):
    """PEM texts, or the bytes of one PKCS #12 or DER file in base64."""

    model_config = ConfigDict(extra="forbid")
    certificate: str = ""
    key: SecretStr = SecretStr("")
    password: SecretStr = SecretStr("")
    binary: str = ""

    def upload(self) -> Upload:
        """As the keeper takes it. Raises `CertificateError`."""
        try:
            binary = b64decode(self.binary, validate=True)
        except ValueError as error:
            raise CertificateError("binary", "This must be base64.") from error
        return Upload(
            self.certificate,
            self.key.get_secret_value(),
            self.password.get_secret_value(),
            binary,
        )


class RequestIn(BaseModel):
    """Names of the certificate, the first its common name, and the kind of its key."""

    model_config = ConfigDict(extra="forbid")
    names: list[str]
    key: KeyKind = "ec"


class AuthorityIn(BaseModel):
    """Certificates of authorities, PEM."""

    model_config = ConfigDict(extra="forbid")
    certificate: str
