"""Passwords: argon2id (RFC 9106) in a thread of its own, so that hashing delays nothing else."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from appliance.service.errors import BargeboxError

MIN_PASSWORD = 10
MAX_PASSWORD = 200
LIMIT_S = 10.0
MAX_WAITING = 16
"""Sign-ins that may wait for the one hashing thread; further ones are refused."""

# One thread and 19 MiB at a time: OWASP's second choice, so that a burst of sign-ins cannot
# starve the small box that a call is running on.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

_PHC = re.compile(r"\$argon2id\$v=19\$m=\d{1,6},t=\d{1,2},p=\d{1,2}(\$[A-Za-z0-9+/]{10,100}){2}")

T = TypeVar("T")


class AccountError(BargeboxError):
    """The account, role or token cannot be made or changed as asked."""

    code = "invalid_account"


class SignInError(BargeboxError):
    """Name and password, or the token, are not right. It does not say which."""

    code = "sign_in_refused"


class Passwords:
    """Makes hashes and compares passwords with them."""

    def __init__(self) -> None:
        self.operations = 0
        """Hashes computed since the start: what a flood of guesses costs the box."""
        self._thread = ThreadPoolExecutor(1, "passwords")
        self._waiting = 0
        self._nobody: str | None = None

    async def close(self) -> None:
        """End the hashing thread."""
        await asyncio.to_thread(self._thread.shutdown)

    async def hash(self, password: str) -> str:
        """The hash as a PHC string. Raises `SignInError` (``busy``)."""
        return await self._run(_hasher.hash, password)

    async def match(self, hashed: str | None, password: str) -> bool:
        """Whether *password* is the one that was hashed. Raises `SignInError` (``busy``).

        Without a hash there is nobody by that name; then it takes as long, and is never right.
        """
        if self._nobody is None:
            self._nobody = await self.hash(secrets.token_hex())
        right = await self._run(_match, hashed or self._nobody, password[: MAX_PASSWORD + 1])
        return right and hashed is not None

    async def _run(self, work: Callable[..., T], *values: str) -> T:
        if self._waiting >= MAX_WAITING:
            raise SignInError("Too many sign-ins at once. Try again.", code="busy")
        self._waiting += 1
        self.operations += 1
        try:
            async with asyncio.timeout(LIMIT_S):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._thread, work, *values)
        except TimeoutError:
            raise SignInError("The sign-in took too long. Try again.", code="busy") from None
        finally:
            self._waiting -= 1


def check_password(password: str, name: str) -> None:
    """Raise `AccountError` for a password that is too short, too long or the account's name."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountError(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    if password.casefold() == name.casefold():
        raise AccountError("The password is the account's name. Choose another.")


def is_hash(text: str) -> bool:
    """Whether *text* is a PHC string (argon2id) that can be compared with, at no higher cost than
    our own: one of a higher cost would keep everybody's sign-in waiting.
    """
    if not _PHC.fullmatch(text):
        return False
    found, own = extract_parameters(text), _hasher
    return (
        1 <= found.time_cost <= own.time_cost
        and found.parallelism == own.parallelism
        and 8 <= found.memory_cost <= own.memory_cost
        and found.salt_len >= 8
        and found.hash_len >= 16
    )


def one_time_password() -> str:
    """A password to be told once and changed at the first sign-in: 64 random bits."""
    return "-".join(secrets.token_hex(2) for _ in range(4))


def _match(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False
