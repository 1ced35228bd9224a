"""What the box itself finds of each step: asked of the real thing, at the moment of asking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, StrictBool

from appliance.control_link.words import Button, Lamp
from appliance.monitoring.accounts import FIRST_ACCOUNT, Accounts
from appliance.monitoring.check_view import CheckView
from appliance.monitoring.policy import Permission
from appliance.monitoring.session import DeviceView
from appliance.platforms.protocol import Check, PlatformConnection
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.first_start.steps import Step
from appliance.provisioning.first_start.words import NOT_VERIFIED, VERIFIED
from appliance.provisioning.network.views import NetworkView
from appliance.provisioning.system import System
from appliance.service.errors import BargeboxError

LOOKS, LOOK_S = 20, 0.5
"""How often, and how long after each other, the box looks at what is coming up."""


class NotVerifiedError(BargeboxError):
    """The box does not find the step done; the words say what is missing."""

    code = "not_verified"

    @classmethod
    def of(cls, why: str, **gaps: str) -> NotVerifiedError:
        """In the words of that name."""
        return cls(NOT_VERIFIED[why].format(**gaps))


class Answers(BaseModel):
    """What only the person at the box can tell."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    heard: StrictBool = False
    """The tone was heard in the headset."""
    seen: StrictBool = False
    """The meter followed the voice, or each lamp was seen to blink."""


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Whom the box asks."""

    system: System
    certificates: CertificateKeeper
    secure: bool
    """The page is served with the certificate."""
    platform: Callable[[], str]
    """The chosen one's name."""
    test_platform: Callable[[], Awaitable[list[Check]]]
    connection: Callable[[], PlatformConnection]
    device: Callable[[], DeviceView]
    checked: Callable[[], CheckView]
    accounts: Accounts


class Evidence:
    """Says of a step what was found. Raises `NotVerifiedError`, and what a witness raises."""

    def __init__(self, witnesses: Witnesses) -> None:
        self._witnesses = witnesses
        self._looks: dict[Step, Callable[[Answers], Awaitable[str]]] = {
            Step.PASSWORD: self._password,
            Step.NAME: self._name,
            Step.NETWORK: self._network,
            Step.TIME: self._time,
            Step.CERTIFICATE: self._certificate,
            Step.PLATFORM: self._platform,
            Step.HEADSET: self._headset,
            Step.PANEL: self._panel,
            Step.SUPERVISOR: self._supervisor,
        }

    async def of(self, step: Step, answers: Answers) -> str:
        """The words."""
        return await self._looks[step](answers)

    async def _password(self, _answers: Answers) -> str:
        first = await self._witnesses.accounts.get(FIRST_ACCOUNT)
        if first is not None and first.must_change_password:
            raise NotVerifiedError.of("password")
        return VERIFIED["password"]

    async def _name(self, _answers: Answers) -> str:
        names = await self._witnesses.system.names.view()
        clock = await self._witnesses.system.clock.view()
        for view in (names, clock):
            if not view.managed:
                raise NotVerifiedError(view.detail)
        return VERIFIED["name"].format(name=names.name, zone=clock.time_zone)

    async def _network(self, _answers: Answers) -> str:
        view = await self._settled()
        if not view.managed:
            raise NotVerifiedError(view.detail)
        if view.pending is not None:
            raise NotVerifiedError.of("network_pending")
        up = [one for one in view.devices if one.state == "connected" and one.addresses]
        routed = [one for one in up if one.gateways]
        if not up:
            raise NotVerifiedError.of("network_none")
        if not routed:
            raise NotVerifiedError.of("network_gateway", device=up[0].name)
        best = routed[0]
        addresses = ", ".join(best.addresses)
        return VERIFIED["network"].format(
            device=best.name, addresses=addresses, gateway=best.gateways[0]
        )

    async def _settled(self) -> NetworkView:
        """The network once nothing is coming up any more, or after a few seconds."""
        for _ in range(LOOKS):
            view = await self._witnesses.system.network.view()
            if all(one.state != "connecting" for one in view.devices):
                break
            await asyncio.sleep(LOOK_S)
        return view

    async def _time(self, _answers: Answers) -> str:
        clock = await self._witnesses.system.clock.view()
        if not clock.managed:
            raise NotVerifiedError(clock.detail)
        if not clock.ntp:
            return VERIFIED["time_by_hand"]
        if not clock.synchronized:
            raise NotVerifiedError.of("time")
        return VERIFIED["time" if clock.server else "time_unnamed"].format(server=clock.server)

    async def _certificate(self, _answers: Answers) -> str:
        keeper = self._witnesses.certificates
        if not self._witnesses.secure:
            raise NotVerifiedError.of("certificate_plain")
        if keeper.now.fault:
            raise NotVerifiedError(keeper.now.fault)
        if keeper.ends_soon():
            raise NotVerifiedError.of("certificate_ends")
        facts = keeper.now.facts
        words = VERIFIED["certificate_own" if keeper.now.origin == "own" else "certificate"]
        return words.format(issuer=facts.issuer, until=f"{facts.valid_until:%Y-%m-%d}")

    async def _platform(self, _answers: Answers) -> str:
        checks = await self._witnesses.test_platform()
        for check in checks:
            if not check.passed:
                raise NotVerifiedError.of("platform_step", detail=check.detail)
        for _ in range(LOOKS):  # it may have begun anew with it just now
            if self._witnesses.connection().connected:
                break
            await asyncio.sleep(LOOK_S)
        else:
            raise NotVerifiedError.of("platform_away")
        return VERIFIED["platform"].format(platform=self._witnesses.platform(), steps=len(checks))

    async def _headset(self, answers: Answers) -> str:
        headset, checked = self._witnesses.device().headset, self._witnesses.checked()
        for missing, why in (
            (not (headset.present and headset.playing), "headset_none"),
            (not checked.toned, "headset_tone"),
            (not answers.heard, "headset_heard"),
            (not checked.voice, "headset_voice"),
            (not answers.seen, "headset_seen"),
        ):
            if missing:
                raise NotVerifiedError.of(why)
        level = f"{checked.loudest:.0f}".replace("-", "−")
        return VERIFIED["headset"].format(headset=headset.name, level=level)

    async def _panel(self, answers: Answers) -> str:
        checked = self._witnesses.checked()
        for missing, why in (
            (checked.pressed != frozenset(Button), "panel_buttons"),
            (checked.lit != frozenset(Lamp), "panel_lamps"),
            (not answers.seen, "panel_seen"),
        ):
            if missing:
                raise NotVerifiedError.of(why)
        return VERIFIED["panel"]

    async def _supervisor(self, _answers: Answers) -> str:
        for account in await self._witnesses.accounts.all():
            first = account.name.casefold() == FIRST_ACCOUNT
            locked = await self._witnesses.accounts.get(account.name) is None
            if not first and not locked and account.has(Permission.MONITOR_ALL_CALLS):
                return VERIFIED["supervisor"].format(name=account.name)
        raise NotVerifiedError.of("supervisor")
