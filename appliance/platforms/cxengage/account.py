"""Signing in: from user and password to a tenant, its region and what the account may do."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.answers import Login, Membership, Region, Tenant, read
from appliance.platforms.cxengage.rest import Rest
from appliance.platforms.protocol import Capability, PlatformError

VIEW = "VIEW_ALL_MONITORED_CALLS"
VIEW_EVERYWHERE = "PLATFORM_VIEW_ALL"
MONITOR = "MONITOR_ALL_CALLS"
BARGE = "BARGE_ALL_CALLS"


@dataclass(frozen=True, slots=True)
class Account:
    """Who the box is at the platform."""

    user_id: str
    tenant_id: str
    region: str
    permissions: frozenset[str]

    def capabilities(self) -> frozenset[Capability]:
        """What the account's permissions leave of the platform's."""
        every = {Capability.FOLLOW, Capability.SEES_TRANSFER}
        if MONITOR in self.permissions:
            every.add(Capability.LISTEN)
            if BARGE in self.permissions:
                every.add(Capability.BARGE)
        return frozenset(every)

    def may_view(self) -> bool:
        """Whether the list is open to it."""
        return not self.permissions.isdisjoint({VIEW, VIEW_EVERYWHERE})


async def sign_in(rest: Rest, tenant_id: str) -> Account:
    """Who we are. *tenant_id* may be empty. Raises `PlatformError` in words."""
    await rest.sign_in()
    login = read(Login, await rest.post("login"), rest.oddities)
    membership = _membership(login, tenant_id)
    account = Account(
        user_id=login.user_id,
        tenant_id=membership.tenant_id,
        region="",
        permissions=frozenset(membership.tenant_permissions)
        | frozenset(login.platform_permissions),
    )
    region = await _region(rest, account.tenant_id)
    return Account(account.user_id, account.tenant_id, region, account.permissions)


def must_view(account: Account) -> None:
    """Raises `PlatformError` when the account may not see the list."""
    if not account.may_view():
        raise PlatformError(
            f"The account may not see the calls; a tenant administrator can give it {VIEW}.",
            code=EndReason.NOT_PERMITTED,
        )


def _membership(login: Login, wanted: str) -> Membership:
    found = [one for one in login.tenants if wanted in ("", one.tenant_id)]
    if not found:
        raise PlatformError(
            "The account does not belong to the tenant; correct it in the settings."
        )
    if len(found) > 1:
        raise PlatformError("The account has several tenants; name one of them in the settings.")
    return found[0]


async def _region(rest: Rest, tenant_id: str) -> str:
    """The region's name; it only matters where the queue's host names none."""
    try:
        tenant = read(Tenant, await rest.get("tenants", tenant_id), rest.oddities)
        if tenant.region_id is None:
            return ""
        return read(Region, await rest.get("regions", tenant.region_id), rest.oddities).name
    except PlatformError as error:
        if error.code == EndReason.PLATFORM_LOST:
            raise
        rest.oddities.note("failure", f"the region cannot be read ({error.code})")
        return ""
