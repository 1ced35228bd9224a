"""The leg's endpoint at the server: who signs in, and that it stays so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.control_link.words import EndReason
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.standing import Standing, keep_up
from appliance.platforms.asterisk.trust import tls_context
from appliance.platforms.protocol import PlatformError
from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.dialog import IncomingCall


def account_of(settings: AsteriskSettings) -> Account:
    """Who signs in for the leg."""
    return Account(
        settings.ws_url,
        settings.endpoint,
        settings.endpoint_user or settings.endpoint,
        settings.endpoint_password,
    )


class Registration:
    """The endpoint's user agent, registered again for ever while `run` is."""

    def __init__(
        self,
        settings: AsteriskSettings,
        standing: Standing,
        on_call: Callable[[IncomingCall], None],
    ) -> None:
        self._settings, self._standing = settings, standing
        self.agent = UserAgent(account_of(settings), on_call, settings.request_timeout)

    async def run(self) -> None:
        """Stay registered."""
        await keep_up("leg", self._live, self._standing, self._settings)

    async def wait(self) -> None:
        """Until it is registered, for a moment. Raises `PlatformError`."""
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                await self.agent.registered.wait()
        except TimeoutError as error:
            raise PlatformError(
                self._standing.fault_of("leg")
                or "The box's endpoint is not registered at Asterisk.",
                code=EndReason.PLATFORM_LOST,
            ) from error

    async def _live(self) -> None:
        context = await tls_context(self._settings)
        await self.agent.run(context, lambda: self._standing.stands("leg"))
