"""The JSON shapes of accounts, roles, tokens and sign-ins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from appliance.console.views import Moment
from appliance.console.web_sessions import KeptSession
from appliance.monitoring.account_rows import AccountRecord
from appliance.monitoring.policy import Permission
from appliance.monitoring.roles import Role
from appliance.monitoring.tokens import ApiToken
from appliance.platforms.settings import DriverName

MAX_DAYS = 730
USUAL_DAYS = 90

Text = Annotated[str, Field(min_length=1, max_length=128)]


def _of_platforms(agent_ids: dict[str, list[str]]) -> dict[str, list[str]]:
    known = get_args(DriverName)
    for platform in agent_ids:
        if platform not in known:
            raise ValueError(f"There is no platform {platform!r}. Use {', '.join(known)}.")
    return agent_ids


AgentIds = Annotated[
    dict[str, Annotated[list[str], Field(max_length=50)]], AfterValidator(_of_platforms)
]
Permissions = Annotated[list[Permission], Field(max_length=len(Permission))]


class Body(BaseModel):
    """What comes with a request; a misspelt name is refused."""

    model_config = ConfigDict(extra="forbid")


class NewAccount(Body):
    """An account to make."""

    name: Text
    role: Text
    agent_ids: AgentIds = Field(default_factory=dict)


class AccountChange(Body):
    """What is left out stays as it is."""

    role: Text | None = None
    agent_ids: AgentIds | None = None


class NewRole(Body):
    """A role to make."""

    name: Text
    permissions: Permissions


class RoleChange(Body):
    """All that the role may from now on."""

    permissions: Permissions


class NewToken(Body):
    """A token to make; without permissions it may what the account may, also later."""

    label: Text
    permissions: Permissions | None = None
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = USUAL_DAYS


class ManagedAccountOut(BaseModel):
    """An account as those see it who manage accounts."""

    name: str
    kind: Literal["local", "openid"]
    """*openid*: signs in at the identity provider, which says what its roles are."""
    role: str
    """The first of its roles; empty where the provider gives it none any more."""
    roles: list[str]
    permissions: list[Permission]
    agent_ids: dict[str, list[str]]
    must_change_password: bool
    locked: bool
    created_at: Moment
    last_sign_in_at: Moment | None

    @classmethod
    def of(cls, record: AccountRecord) -> Self:
        """From the domain's."""
        account = record.account
        return cls(
            name=account.name,
            kind=account.kind,
            role=account.role,
            roles=list(account.roles),
            permissions=sorted(account.permissions),
            agent_ids={platform: sorted(ids) for platform, ids in account.agent_ids.items()},
            must_change_password=account.must_change_password,
            locked=record.locked,
            created_at=record.created_at,
            last_sign_in_at=record.last_sign_in_at,
        )


class AccountList(BaseModel):
    """Every account, by name."""

    items: list[ManagedAccountOut]


class NewAccountOut(BaseModel):
    """The new account with its one-time password, which is told only here."""

    account: ManagedAccountOut
    password: str


class OneTimePasswordOut(BaseModel):
    """Told only here; to be changed at the first sign-in."""

    password: str


class RoleOut(BaseModel):
    """A role; ``accounts`` counts those that have it. The default ones stay as they are."""

    name: str
    permissions: list[Permission]
    accounts: int
    is_default: bool

    @classmethod
    def of(cls, role: Role) -> Self:
        """From the domain's."""
        return cls(
            name=role.name,
            permissions=sorted(role.permissions),
            accounts=role.accounts,
            is_default=role.is_default,
        )


class RoleList(BaseModel):
    """The default roles, then the others by name."""

    items: list[RoleOut]


class TokenOut(BaseModel):
    """An API token; ``permissions`` null: all that the account may, also later."""

    id: int
    label: str
    permissions: list[Permission] | None
    created_at: Moment
    expires_at: Moment | None
    expired: bool
    last_used_at: Moment | None

    @classmethod
    def of(cls, token: ApiToken) -> Self:
        """From the domain's."""
        return cls(
            id=token.id,
            label=token.label,
            permissions=None if token.permissions is None else sorted(token.permissions),
            created_at=token.created_at,
            expires_at=token.expires_at,
            expired=token.expired(datetime.now(UTC)),
            last_used_at=token.last_used_at,
        )


class TokenList(BaseModel):
    """An account's tokens, oldest first."""

    items: list[TokenOut]


class NewTokenOut(BaseModel):
    """The new token; ``secret`` is what goes after ``Bearer`` and is told only here."""

    token: TokenOut
    secret: str


class SignInOut(BaseModel):
    """Where an account is signed in; ``current`` is the browser that asks."""

    id: str
    address: str
    browser: str
    created_at: Moment
    last_used_at: Moment
    current: bool

    @classmethod
    def of(cls, kept: KeptSession, current: str) -> Self:
        """From the page's own list."""
        return cls(
            id=kept.id,
            address=kept.address,
            browser=kept.browser,
            created_at=datetime.fromtimestamp(kept.created, UTC),
            last_used_at=datetime.fromtimestamp(kept.used, UTC),
            current=kept.id == current,
        )


class SignInList(BaseModel):
    """Where an account is signed in, last used first."""

    items: list[SignInOut]
