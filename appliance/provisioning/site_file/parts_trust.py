"""The parts of the document about certificates: the page's own, and authorities believed."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr

from appliance.provisioning.certificates.errors import CertificateError, CertificateStateError
from appliance.provisioning.certificates.facts import Facts
from appliance.provisioning.certificates.reading import Upload, read_certificates
from appliance.provisioning.site_file.document import SiteFile
from appliance.provisioning.site_file.plan import Outcome
from appliance.provisioning.site_file.services import Faults, Services


class SiteAuthorities:
    """Authorities that the box believes beside the system's."""

    def concerns(self, document: SiteFile) -> bool:
        """Some are given."""
        return bool(document.authorities)

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """Whether they are authorities."""
        for number, one in enumerate(document.authorities):
            try:
                await box.authorities.check(one.pem)
            except CertificateError as error:
                return {f"authorities.{number}.pem": error.detail}
        return {}

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Believe those that are not believed yet."""
        for one in document.authorities:
            given = await asyncio.to_thread(_prints, one.pem)
            if given - {facts.fingerprint for facts in box.authorities.trusted}:
                await box.authorities.add(who, one.pem)
        names = "; ".join(facts.subject for facts in box.authorities.trusted)
        return Outcome(part="authorities", good=True, words=f"The box believes {names}.")


def _prints(pem: str) -> set[str]:
    return {Facts.of(one).fingerprint for one in read_certificates(pem)}


class PageCertificate:
    """The page's certificate."""

    def concerns(self, document: SiteFile) -> bool:
        """One is given."""
        return document.certificate is not None and document.certificate.pem is not None

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """Whether the page could be served with it, by the names that the box will have."""
        named = None if document.box is None else document.box.name
        try:
            await box.certificates.judge(_upload(document), () if named is None else (named,))
        except CertificateError as error:
            return {_field(name): words for name, words in error.fields.items()}
        except CertificateStateError as error:
            return {"certificate": error.detail}
        return {}

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Serve the page with it."""
        upload, now = _upload(document), box.certificates.now
        named = None if document.box is None else document.box.name
        pair = await box.certificates.judge(upload, () if named is None else (named,))
        if now.origin != "uploaded" or now.chain != pair.chain:
            now = await box.certificates.install(who, upload)
        said = f"The page has the certificate for {', '.join(now.facts.names)}, until "
        said += f"{now.facts.valid_until:%Y-%m-%d}; SHA-256 {now.facts.fingerprint}."
        return Outcome(part="certificate", good=now.chain == pair.chain, words=said)


def _upload(document: SiteFile) -> Upload:
    part = document.certificate
    assert part is not None
    return Upload(_text(part.pem), _text(part.key), _text(part.password))


def _text(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()


def _field(name: str) -> str:
    return f"certificate.{'pem' if name == 'certificate' else name}"
