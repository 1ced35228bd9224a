"""The settings of one wired connection, as IT gives them; refused as a whole when one is wrong."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from appliance.provisioning.network.addresses import (
    Address4,
    Address6,
    Domain,
    Server4,
    Server6,
    address,
    distinct,
    interface,
)
from appliance.provisioning.network.port_access import PortAccess
from appliance.provisioning.words import said

MOST = 8
_ONLY_STATIC = said("Leave this empty, or choose static.")

Gateway = Annotated[str, Field(max_length=64)]
Domains = Annotated[tuple[Domain, ...], Field(max_length=MOST)]


class Ip(BaseModel):
    """What both versions of IP have. ``method`` stands first: the others are judged by it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    version: ClassVar[int]

    @field_validator("addresses", check_fields=False)
    @classmethod
    def _addresses_fit(cls, given: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "method" not in info.data:
            return given  # what is wrong there is told there
        if info.data["method"] != "static":
            if given:
                raise ValueError(_ONLY_STATIC)
        elif not given:
            raise ValueError("Give at least one address with its prefix.")
        distinct([one.partition("/")[0] for one in given])
        return given

    @field_validator("gateway", check_fields=False)
    @classmethod
    def _gateway_fits(cls, given: str, info: ValidationInfo) -> str:
        if not given.strip() or "addresses" not in info.data:
            return given.strip()
        if info.data.get("method") != "static":
            raise ValueError(_ONLY_STATIC)
        found = address(given, cls.version)
        own = [interface(one, cls.version) for one in info.data["addresses"]]
        if found in [one.ip for one in own]:
            raise ValueError("This is the box's own address; give the router's.")
        local = isinstance(found, IPv6Address) and found.is_link_local
        if not local and not any(found in one.network for one in own):
            networks = " or ".join(str(one.network) for one in own)
            words = said("The box would not reach it: it is not in {networks}.", networks=networks)
            raise ValueError(words)
        return str(found)

    @field_validator("dns_servers", "search_domains", check_fields=False)
    @classmethod
    def _once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(distinct(given))


class Ip4(Ip):
    """How the box gets its IPv4 address, and which."""

    version: ClassVar[int] = 4

    method: Literal["dhcp", "static", "off"] = "dhcp"

    addresses: Annotated[tuple[Address4, ...], Field(max_length=MOST)] = Field(
        (), validate_default=True
    )
    """Each with its prefix, as in ``192.0.2.10/24``; one a line."""

    gateway: Gateway = ""
    """The router to all other networks; empty where there is none."""

    dns_servers: Annotated[tuple[Server4, ...], Field(max_length=MOST)] = ()
    """DNS servers, one a line. With DHCP they replace those that it names."""

    search_domains: Domains = ()
    """Domains in which short names are looked for, one a line."""


class Ip6(Ip):
    """How the box gets its IPv6 address, and which."""

    version: ClassVar[int] = 6

    method: Literal["automatic", "static", "off"] = "automatic"
    """Automatic is what the network's router says, DHCP included."""

    addresses: Annotated[tuple[Address6, ...], Field(max_length=MOST)] = Field(
        (), validate_default=True
    )
    """Each with its prefix, as in ``2001:db8::10/64``; one a line."""

    gateway: Gateway = ""
    """The router to all other networks; empty where there is none."""

    dns_servers: Annotated[tuple[Server6, ...], Field(max_length=MOST)] = ()
    """DNS servers, one a line. They replace those that the network names."""

    search_domains: Domains = ()
    """Domains in which short names are looked for, one a line."""


class Wired(BaseModel):
    """One wired connection: its addresses, its VLAN, and how it signs in at the switch's port."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    ipv4: Ip4 = Field(default_factory=Ip4)
    ipv6: Ip6 = Field(default_factory=Ip6)

    vlan: Annotated[int, Field(ge=1, le=4094)] | None = None
    """The number of the box's VLAN, where the switch's port is tagged (IEEE 802.1Q)."""

    access: PortAccess = Field(default_factory=PortAccess)

    @model_validator(mode="after")
    def _reaches_something(self) -> Self:
        if self.ipv4.method == "off" and self.ipv6.method == "off":
            raise ValueError("With IPv4 and IPv6 both off, nobody could reach the box.")
        return self
