"""What *Test connection* asks of AMI: that the user may do all that is needed, and the dialplan."""

from __future__ import annotations

import secrets
import ssl

from appliance.platforms.asterisk.ami import Ami
from appliance.platforms.asterisk.errors import NotFoundError, RefusedError
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.spying_leg import ARRIVAL, EXTENSIONS
from appliance.platforms.protocol import Check


class AmiSource:
    """AMI, over a connection of its own."""

    def __init__(self, settings: AsteriskSettings, context: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._ami = Ami(settings, context)

    async def open(self) -> None:
        """Sign in."""
        await self._ami.open()

    async def count(self) -> int:
        """All channels."""
        return len(await self._ami.listed("CoreShowChannels"))

    async def more(self) -> list[Check]:
        """The permission to move and end a leg, and the extensions to move it to."""
        nobody = f"bargebox-{secrets.token_hex(8)}"
        try:
            await self._ami.ask(
                "Redirect", Channel=nobody, Context=nobody, Exten=nobody, Priority="1"
            )
        except NotFoundError:
            permitted = Check("permissions", passed=True, detail="Legs may be moved and ended.")
        return [permitted, await self._dialplan()]

    async def _dialplan(self) -> Check:
        context = self._settings.spy_context
        try:
            lines = await self._ami.listed("ShowDialPlan", Context=context)
        except RefusedError:
            lines = []
        there = {line.get("Extension").lstrip("_") for line in lines}
        needed = [ARRIVAL, *(f"{name}-" for name in EXTENSIONS.values())]
        missing = [name for name in needed if not any(one.startswith(name) for one in there)]
        if missing:
            return Check(
                "permissions",
                passed=False,
                detail=f"The dialplan's context {context} lacks the extensions "
                f"{', '.join(missing)}; whoever runs Asterisk copies them from the box's manual.",
            )
        return Check("permissions", passed=True, detail=f"The context {context} is complete.")

    async def close(self) -> None:
        """Disconnect."""
        await self._ami.close()
