"""The provider as it was found last, so that not each sign-in asks it for the same again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from appliance.console.openid.errors import AnswerError, AwayError
from appliance.console.openid.provider import Provider, PublicKey

FRESH_S = 3600.0
AGAIN_S = 3.0
"""For so long a failure stands: whoever waited behind the one that failed need not wait anew."""
KEYS_AGAIN_S = 10.0
"""Between two looks for new keys, whoever asks for them."""


class KnownProvider:
    """The one at *issuer*. Its methods raise `AwayError` and `AnswerError`."""

    def __init__(self, issuer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._clock = clock
        self._asking = asyncio.Lock()
        self._provider: Provider | None = None
        self._keys: tuple[PublicKey, ...] = ()
        self._found_at = self._keys_at = self._failed_at = float("-inf")
        self._failure: AwayError | AnswerError | None = None

    async def get(self) -> Provider:
        """How it describes itself."""
        async with self._asking:
            now = self._clock()
            if self._provider is not None and now - self._found_at < FRESH_S:
                return self._provider
            if self._failure is not None and now - self._failed_at < AGAIN_S:
                raise self._failure
            try:
                self._provider = await Provider.discover(self.issuer)
            except (AwayError, AnswerError) as error:
                self._failure, self._failed_at = error, self._clock()
                raise
            self._found_at, self._keys = self._clock(), ()
            return self._provider

    async def keys(self, anew: bool = False) -> tuple[PublicKey, ...]:
        """Its keys; those of now where it may have changed them, which is *anew*."""
        provider = await self.get()
        async with self._asking:
            due = anew and self._clock() - self._keys_at >= KEYS_AGAIN_S
            if due or not self._keys:
                self._keys = await provider.fetch_keys()
                self._keys_at = self._clock()
            return self._keys
