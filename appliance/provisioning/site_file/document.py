"""The document: every part of it may be left out, and nothing in it may be misspelt."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from appliance.monitoring import account_rows
from appliance.monitoring.accounts import FIRST_ACCOUNT
from appliance.monitoring.passwords import MAX_PASSWORD, AccountError, check_password, is_hash
from appliance.monitoring.policy import Permission
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.box.clock import MOST_SERVERS, TimeServer
from appliance.provisioning.box.names import BoxDescription, HostName
from appliance.provisioning.chosen import HeadsetPart, PanelPart, SitePart
from appliance.provisioning.logs.settings import (
    Facility,
    Lines,
    LogForwarding,
    ServerName,
    Transport,
)
from appliance.provisioning.network.addresses import distinct
from appliance.provisioning.network.profiles import DEVICE_NAME_MOST
from appliance.provisioning.network.wired import Wired
from appliance.provisioning.openid.settings import OpenIdSettings
from appliance.provisioning.words import said

MOST_AUTHORITIES: Final = 50
Pem = Annotated[SecretStr, Field(max_length=65_536)]
Password = Annotated[SecretStr, Field(max_length=MAX_PASSWORD)]


def _hash(given: SecretStr) -> SecretStr:
    if not is_hash(given.get_secret_value()):
        raise ValueError(said("This is no hash of a password as an export has it."))
    return given


Hash = Annotated[SecretStr, Field(max_length=500), AfterValidator(_hash)]
"""A PHC string (argon2id), which costs the box no more than its own."""


class Part(BaseModel):
    """What all parts have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class BoxPart(Part):
    """What the box is called and where it stands."""

    name: HostName | None = None
    description: BoxDescription | None = None
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class TimePart(Part):
    """Where the time comes from."""

    ntp: bool | None = None
    servers: Annotated[tuple[TimeServer, ...], Field(max_length=MOST_SERVERS)] | None = None

    @field_validator("servers")
    @classmethod
    def _once(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if given is None else tuple(distinct(given))


class NetworkPart(Wired):
    """One cable of the box; without *device* it is the one that there is."""

    device: Annotated[str, Field(max_length=DEVICE_NAME_MOST)] = ""

    def wired(self) -> Wired:
        """As the network takes it."""
        return Wired(**{name: getattr(self, name) for name in self.model_fields_set - {"device"}})


class CertificatePart(Part):
    """The page's certificate: PEM texts, in which the key may be beside it or of its own."""

    pem: Pem | None = None
    key: Pem | None = None
    password: Password | None = None


class AuthorityPart(Part):
    """An authority that the box believes beside the system's."""

    pem: Annotated[str, Field(max_length=65_536)]


class AdministratorPart(Part):
    """The account of the first start; its password is its own from now on."""

    password: Password | None = None

    @field_validator("password")
    @classmethod
    def _good(cls, given: SecretStr | None) -> SecretStr | None:
        return _checked(given, FIRST_ACCOUNT)


class RolePart(Part):
    """A role beside the box's own."""

    name: Annotated[str, AfterValidator(lambda name: _named(name, "role's name"))]
    permissions: Annotated[tuple[Permission, ...], Field(max_length=len(Permission))]


class AccountPart(Part):
    """Somebody who uses the box. An account that is there already keeps what is left out."""

    name: Annotated[str, AfterValidator(lambda name: _named(name))]
    role: str | None = None
    password: Password | None = None
    """Told to that person, who chooses another one at the first sign-in."""
    password_hash: Hash | None = None
    """Instead of a password, from an export."""
    must_change: bool | None = None
    """A password has to be chosen at the next sign-in; so by default when one is given."""
    locked: bool | None = None
    agent_ids: dict[str, tuple[str, ...]] | None = None
    """That person's ids as an agent, by platform, so that own calls are refused."""

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password is not None and self.password_hash is not None:
            raise ValueError(said("Give a password or a hash, and not both."))
        _checked(self.password, self.name)
        return self

    @field_validator("agent_ids")
    @classmethod
    def _few(cls, given: dict[str, tuple[str, ...]] | None) -> dict[str, tuple[str, ...]] | None:
        try:
            account_rows.write_agent_ids(given or {})
        except AccountError as error:
            raise ValueError(error.detail) from error
        return given


class LogsPart(Part):
    """Where the logs are sent."""

    transport: Transport | None = None
    server: ServerName | None = None
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """0: the usual one."""
    facility: Facility | None = None
    lines: Lines | None = None
    audit: bool | None = None

    @classmethod
    def of(cls, settings: LogForwarding) -> LogsPart:
        """As it is in force."""
        return cls(**settings.model_dump(exclude={"port"}), port=settings.port or 0)

    def over(self, settings: LogForwarding) -> LogForwarding:
        """*settings* with what is given here. Raises ``ValidationError``."""
        given = self.model_dump(exclude_none=True)
        if "port" in given:
            given["port"] = given["port"] or None
        return LogForwarding.model_validate(settings.model_dump() | given)


class SealedPart(Part):
    """The secrets of an export, which a passphrase opens."""

    salt: Annotated[str, Field(max_length=100)]
    text: Annotated[str, Field(max_length=400_000)]


class SiteFile(Part):
    """The whole document."""

    box: BoxPart | None = None
    time: TimePart | None = None
    network: NetworkPart | None = None
    certificate: CertificatePart | None = None
    authorities: Annotated[tuple[AuthorityPart, ...], Field(max_length=MOST_AUTHORITIES)] = ()
    platform: PlatformSettings | None = None
    administrator: AdministratorPart | None = None
    roles: Annotated[tuple[RolePart, ...], Field(max_length=50)] = ()
    accounts: Annotated[tuple[AccountPart, ...], Field(max_length=account_rows.MAX_ACCOUNTS)] = ()
    site: SitePart | None = None
    headset: HeadsetPart | None = None
    panel: PanelPart | None = None
    logs: LogsPart | None = None
    openid: OpenIdSettings | None = None
    sealed: SealedPart | None = None

    @field_validator("roles", "accounts")
    @classmethod
    def _once(cls, given: tuple[RolePart | AccountPart, ...]) -> tuple[RolePart | AccountPart, ...]:
        seen: set[str] = set()
        for one in given:
            if account_rows.folded(one.name) in seen:
                raise ValueError(said("{name} is there twice; give each name once.", name=one.name))
            seen.add(account_rows.folded(one.name))
        return given


def _named(name: str, what: str = "name") -> str:
    try:
        return account_rows.checked_name(name, what)
    except AccountError as error:
        raise ValueError(error.detail) from error


def _checked(password: SecretStr | None, name: str) -> SecretStr | None:
    if password is not None:
        try:
            check_password(password.get_secret_value(), name)
        except AccountError as error:
            raise ValueError(error.detail) from error
    return password
