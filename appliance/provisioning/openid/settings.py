"""Settings of the sign-in by OpenID Connect: the provider, and which of its groups may do what."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StrictBool

from appliance.platforms.addresses import LONGEST, is_address
from appliance.provisioning.words import said

ISSUER = r"^(https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?)?$"
"""For those who read the API's description; what is wrong is told by a check in words."""
Claim = Annotated[str, Field(min_length=1, max_length=200)]


def _without_query(text: str) -> str:
    if "?" in text:
        raise ValueError("The address of a provider has no question mark.")
    if text and urlsplit(text).path.rstrip("/").endswith("/.well-known/openid-configuration"):
        raise ValueError("Leave /.well-known/openid-configuration out; the box adds it.")
    return text


Issuer = Annotated[
    str,
    Field(max_length=LONGEST, json_schema_extra={"pattern": ISSUER}),
    AfterValidator(is_address("https", or_empty=True)),
    AfterValidator(_without_query),
]


class GroupRole(BaseModel):
    """A group at the provider, and the role that it gives here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Annotated[str, Field(min_length=1, max_length=256)]
    role: Annotated[str, Field(min_length=1, max_length=64)]


class OpenIdSettings(BaseModel):
    """All of it, refused as a whole when something is wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    enabled: StrictBool = False
    """The sign-in page has a button that leads to the provider."""
    label: Annotated[str, Field(min_length=1, max_length=40)] = "single sign-on"
    """What the button calls the provider, after “Sign in with”."""
    issuer: Issuer = ""
    """The provider's address exactly as it calls itself, such as ``https://id.example.org``."""
    client_id: Annotated[str, Field(max_length=256)] = ""
    """As which application the provider knows this box."""
    client_secret: Annotated[SecretStr, Field(max_length=1000)] = SecretStr("")
    """The secret that the provider gave for it; empty where it gave none."""
    scopes: Annotated[str, Field(max_length=400, pattern=r"^[\x21\x23-\x5B\x5D-\x7E ]*$")] = (
        "openid profile groups"
    )
    """What is asked for, separated by spaces; ``openid`` always is."""
    name_claim: Claim = "preferred_username"
    """The claim that is a new account's name here."""
    groups_claim: Claim = "groups"
    """The claim with somebody's groups; a dot leads into it: ``realm_access.roles``."""
    roles: Annotated[tuple[GroupRole, ...], Field(max_length=100)] = ()
    """Which group gives which role. Whoever has several has all their roles; whoever has none is
    refused."""

    def lacking(self) -> list[str]:
        """The settings that it needs to be offered, and that are empty."""
        needed = ("issuer", "client_id", "roles") if self.enabled else ()
        return [name for name in needed if not getattr(self, name)]

    def wrong(self, roles: Collection[str]) -> dict[str, str]:
        """What keeps it from being used on a box with those *roles*, by the names of the values."""
        there = {role.casefold() for role in roles}
        return dict.fromkeys(self.lacking(), said("This is needed.")) | {
            f"roles.{number}.role": said("There is no such role.")
            for number, row in enumerate(self.roles)
            if row.role.casefold() not in there
        }

    @property
    def offered(self) -> bool:
        """The sign-in page has its button."""
        return self.enabled and not self.lacking()

    def takes_back(self, before: OpenIdSettings) -> bool:
        """Whether somebody who came in by *before* might come in no more, or might do less."""
        if not before.offered:
            return False
        kept = ("issuer", "client_id", "groups_claim")
        return (
            not self.offered
            or any(getattr(self, name) != getattr(before, name) for name in kept)
            or not {(row.group, row.role) for row in before.roles}
            <= {(row.group, row.role) for row in self.roles}
        )

    @property
    def asked_scopes(self) -> str:
        """With ``openid``, which makes it OpenID Connect (Core 1.0, 3.1.2.1)."""
        return " ".join(dict.fromkeys(["openid", *self.scopes.split()]))
