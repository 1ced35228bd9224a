"""Who may do what: permissions, roles, accounts, and the decisions, as pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.reasons import WORDS
from appliance.platforms.protocol import Capability, Interaction
from appliance.service.errors import BargeboxError


class Permission(StrEnum):
    """What an account may be allowed; the first three names are the platform's own."""

    MONITOR_ALL_CALLS = "MONITOR_ALL_CALLS"
    BARGE_ALL_CALLS = "BARGE_ALL_CALLS"
    VIEW_ALL_MONITORED_CALLS = "VIEW_ALL_MONITORED_CALLS"
    COACH_ALL_CALLS = "COACH_ALL_CALLS"
    MANAGE_DEVICE = "MANAGE_DEVICE"
    MANAGE_ACCOUNTS = "MANAGE_ACCOUNTS"
    VIEW_AUDIT = "VIEW_AUDIT"


ROLES: Final[Mapping[str, frozenset[Permission]]] = MappingProxyType(
    {
        "Administrator": frozenset(Permission),
        "Supervisor": frozenset(
            {
                Permission.MONITOR_ALL_CALLS,
                Permission.BARGE_ALL_CALLS,
                Permission.COACH_ALL_CALLS,
                Permission.VIEW_ALL_MONITORED_CALLS,
            }
        ),
        "Technician": frozenset({Permission.MANAGE_DEVICE}),
    }
)
"""The default roles; a custom role is a name with a set of permissions of its own."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who is signed in. ``agent_ids`` are this person's agent ids, by platform name.

    Sign-ins made under another ``stamp`` have ended. One of ``kind`` *openid* is a person of the
    site's identity provider, who has no password here, and perhaps ``more_roles``.
    """

    name: str
    role: str
    permissions: frozenset[Permission]
    agent_ids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    must_change_password: bool = False
    stamp: str = ""
    kind: Literal["local", "openid"] = "local"
    more_roles: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """All of them; none where the provider gives none any more."""
        return (self.role, *self.more_roles) if self.role else ()

    def has(self, permission: Permission) -> bool:
        """Whether the account carries *permission*."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class Running:
    """The session that the box is busy with."""

    session_id: str
    interaction_id: str
    owner: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision against; ``reason`` is what the ear hears, where there is one to hear."""

    code: str
    detail: str
    reason: EndReason | None = None

    @classmethod
    def of(cls, reason: EndReason) -> Refusal:
        """The refusal for an end reason, in its usual words."""
        return cls(reason.value, WORDS[reason], reason)


class RefusedError(BargeboxError):
    """The box does not do what was asked; ``code`` is an end reason's where one applies."""

    @classmethod
    def because(cls, refusal: Refusal) -> RefusedError:
        """The error for a refusal."""
        return cls(refusal.detail, code=refusal.code)


def grant_refusal(by: Account, wanted: Collection[Permission]) -> Refusal | None:
    """Why *by* cannot give these permissions to anybody, a token included.

    Whoever manages accounts may give all of them; everybody else no more than they have.
    """
    lacking = sorted(set(wanted) - by.permissions)
    if not lacking or by.has(Permission.MANAGE_ACCOUNTS):
        return None
    return Refusal("not_permitted", f"You cannot give what you do not have: {', '.join(lacking)}.")


def is_own_call(account: Account, interaction: Interaction, platform: str) -> bool:
    """Whether the account's person handles the interaction as an agent."""
    mine = account.agent_ids.get(platform, frozenset())
    return any(agent.id in mine for agent in interaction.agents)


def why_not_monitorable(interaction: Interaction) -> EndReason:
    """What keeps everybody from monitoring it; a platform that names no reason has it off."""
    return interaction.not_monitorable_reason or EndReason.MONITORING_DISABLED


def monitor_refusal(
    account: Account, interaction: Interaction, platform: str, running: Running | None
) -> Refusal | None:
    """Why the account cannot monitor the interaction now; ``None`` when it can."""
    if not account.has(Permission.MONITOR_ALL_CALLS):
        return Refusal.of(EndReason.NOT_PERMITTED)
    if interaction.state == "ended":
        return Refusal.of(EndReason.CALL_ENDED)
    if is_own_call(account, interaction, platform):
        return Refusal.of(EndReason.OWN_CALL)
    if not interaction.monitorable:
        return Refusal.of(why_not_monitorable(interaction))
    if running is not None:
        return _busy(account, interaction, running)
    return None


def _busy(account: Account, interaction: Interaction, running: Running) -> Refusal:
    if running.owner != account.name:
        words = f"The box is busy: {running.owner} is monitoring a call. Wait until it ends."
    elif running.interaction_id == interaction.id:
        words = "You are monitoring this call already."
    else:
        words = "You are monitoring another call. Hang up first."
    return Refusal("busy", words)


def unmute_refusal(
    account: Account, owner: str, audience: Audience, capabilities: frozenset[Capability]
) -> Refusal | None:
    """Why the account cannot speak to *audience*: only the session's owner ever may."""
    if account.name != owner:
        return Refusal("not_permitted", f"Only {owner}, who monitors this call, can unmute.")
    permission, capability, verb = _NEEDS[audience]
    if not account.has(permission):
        return Refusal(
            "not_permitted", f"Your account may not {verb}. Ask for {permission}.", _NOT_PERMITTED
        )
    if capability not in capabilities:
        return Refusal("not_supported", f"This platform offers no way to {verb}.")
    return None


_NOT_PERMITTED = EndReason.NOT_PERMITTED
_NEEDS = MappingProxyType(
    {
        Audience.EVERYONE: (Permission.BARGE_ALL_CALLS, Capability.BARGE, "barge in"),
        Audience.AGENT: (Permission.COACH_ALL_CALLS, Capability.COACH, "coach"),
    }
)


def silence_refusal(account: Account, owner: str) -> Refusal | None:
    """Why the account cannot mute or hang up: both are safe, so every supervisor may."""
    safe = {Permission.MONITOR_ALL_CALLS, Permission.MANAGE_DEVICE}
    if account.name == owner or safe & account.permissions:
        return None
    return Refusal.of(EndReason.NOT_PERMITTED)
