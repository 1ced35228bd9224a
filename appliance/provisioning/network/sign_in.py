"""Sign-in at the switch's port as NetworkManager keeps it (its setting ``802-1x``), and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dbus_fast import Variant

from appliance.provisioning.network.port_access import NEEDED, SECRETS, PortAccess

NOT_NEEDED: Final = 4
"""``NM_SETTING_SECRET_FLAG_NOT_REQUIRED``: a key that is not encrypted."""

_NAMES: Final = {
    "ca_certificate": "ca-cert",
    "client_certificate": "client-cert",
    "private_key": "private-key",
    "private_key_password": "private-key-password",
    "password": "password",
}
_BYTES: Final = {"ca-cert", "client-cert", "private-key"}


class SecretsNeededError(Exception):
    """These are neither given nor kept."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def method_of(kept: Mapping[str, Any]) -> str:
    """Which of the page's methods a profile has; ``off`` for others that NetworkManager knows."""
    eap = kept.get("eap", [])
    return eap[0] if eap and eap[0] in ("tls", "peap") else "off"


def secrets_set(kept: Mapping[str, Any]) -> list[str]:
    """The names of the secrets that a profile has, *kept* with its passwords or without.

    Without them a password counts as set where the method cannot do without one.
    """
    method = method_of(kept)
    return [
        name
        for name in SECRETS[method]
        if _NAMES[name] in kept or (name == "password" and name in NEEDED[method])
    ]


def access_of(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What `PortAccess` takes, without secrets."""
    method = method_of(kept)
    if method == "off":
        return {"method": "off"}
    return {
        "method": method,
        "identity": kept.get("identity", ""),
        "anonymous_identity": kept.get("anonymous-identity", ""),
        "server_domain": kept.get("domain-suffix-match", ""),
    }


def setting(access: PortAccess, kept: Mapping[str, Any]) -> dict[str, Variant]:
    """The setting for *access*; what it leaves out stays as *kept* has it, method unchanged.

    A password stays only with whom it was given for: another server would be told it, or enough
    of it to find it out. Raises `SecretsNeededError`.
    """
    if access.method == "off":
        return {}
    stays = kept if method_of(kept) == access.method else {}
    if _for_another(access, stays):
        stays = {name: value for name, value in stays.items() if name != "password"}
    values = {
        "eap": Variant("as", [access.method]),
        "identity": Variant("s", access.identity),
    }
    if access.anonymous_identity:
        values["anonymous-identity"] = Variant("s", access.anonymous_identity)
    if access.server_domain:
        values["domain-suffix-match"] = Variant("s", access.server_domain)
    if access.method == "peap":
        values["phase2-auth"] = Variant("s", "mschapv2")
    values |= _secrets(access, stays)
    missing = tuple(name for name in NEEDED[access.method] if _NAMES[name] not in values)
    if missing:
        raise SecretsNeededError(missing)
    if access.method == "tls" and "private-key-password" not in values:
        values["private-key-password-flags"] = Variant("u", NOT_NEEDED)
    return values


def _for_another(access: PortAccess, kept: Mapping[str, Any]) -> bool:
    """Whose server is believed is another than *kept* has it."""
    before = access_of(kept)
    given = access.ca_certificate
    authority = given.get_secret_value().encode() if given is not None else b""
    return access.server_domain != before.get("server_domain", "") or (
        authority != b"" and authority != bytes(kept.get("ca-cert", b""))
    )


def _secrets(access: PortAccess, stays: Mapping[str, Any]) -> dict[str, Variant]:
    values = {}
    for name in SECRETS[access.method]:
        theirs = _NAMES[name]
        given = getattr(access, name)
        text = "" if given is None else given.get_secret_value()
        if name == "private_key_password" and access.private_key is not None and not text:
            continue  # the new key has none
        kind = "ay" if theirs in _BYTES else "s"
        if text:
            values[theirs] = Variant(kind, text.encode() if kind == "ay" else text)
        elif theirs in stays:
            values[theirs] = Variant(kind, stays[theirs])
    return values
