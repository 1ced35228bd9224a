"""Who signs in."""

from __future__ import annotations

from typing import Protocol

from appliance.monitoring.policy import Account


class Accounts(Protocol):
    """Sign-in. `SignInError` (``sign_in_refused``) when name, password or token is not right."""

    async def sign_in(self, name: str, password: str) -> Account:
        """The account; takes as long for an unknown name as for a known one."""

    async def get(self, name: str) -> Account | None:
        """The account as it stands now, None when it has been removed."""

    async def verify_token(self, token: str) -> Account:
        """The account a bearer token belongs to."""

    async def change_password(self, name: str, old: str, new: str) -> Account:
        """Set a new password; `AccountError` (``invalid_account``) when it is a weak one."""

    async def forget_first_password(self, name: str) -> None:
        """The one-time password of the first start, if it was *name*'s, opens nothing any more."""

    async def known_as(self, name: str) -> str | None:
        """How the account of that name is written, locked or not; None when there is none."""

    async def device_key(self) -> bytes:
        """The box's own secret that signs the cookies of known browsers."""

    async def keep_token_uses(self) -> None:
        """Keep when each token was used last."""

    async def kept_sign_ins(self) -> str:
        """What was kept last, or nothing."""

    async def keep_sign_ins(self, text: str) -> None:
        """Keep *text* over a restart of the process."""
