"""The user agent at a real Asterisk 22, and at one behind a real Kamailio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from appliance.platforms.protocol import LegNeeds
from tests.platforms.asterisk.server import ADDRESS, WS_URL
from tests.platforms.asterisk.server import Asterisk as Server
from tests.platforms.asterisk.site import LEGS, PHONES, AsteriskSite
from tests.platforms.desk import desk_at
from tests.platforms.sip import kamailio
from tests.platforms.sip.ends import End, description, end_at, until
from tests.platforms.sip.kamailio import PASSWORD, Kamailio
from tests.platforms.site import HEARD_DBFS
from tests.support.certificates import Authority
from tests.support.leg_end import LegEnd

pytestmark = pytest.mark.asyncio(loop_scope="module")

SESSION_S = 90
"""The shortest that Asterisk agrees to."""
CUSTOMER_HZ, ECHO_HZ = 700.0, 1500.0
ALGORITHMS = {"md5": "MD5", "sha256": "SHA-256", "sha512": "SHA-512-256"}
BEHIND = "supervisor-behind"
"""An endpoint whose box has signed in at the proxy."""

_PJSIP = f"""
[udp]
type = transport
protocol = udp
bind = {ADDRESS}:5060
[{BEHIND}](leg)
transport = udp
rewrite_contact = no
allow = opus
auth = {BEHIND}
aors = {BEHIND}
[{BEHIND}](leg-auth)
username = {BEHIND}
[{BEHIND}]
type = aor
contact = sip:{BEHIND}@{ADDRESS}:5070
[brief-aor](!,person-aor)
minimum_expiration = 1
default_expiration = 4
maximum_expiration = 4
"""
_DIALPLAN = """
exten => ring,1,Ringing()
 same => n,Wait(600)
exten => take,1,Answer()
 same => n,Wait(600)
exten => nomid-echo,1,Answer()
 same => n,Echo()
exten => plain-echo,1,Answer()
 same => n,Echo()
"""


def _endpoint(name: str, algorithm: str) -> str:
    return f"""
[{name}](leg)
allow = opus,ulaw
rtp_timeout = 0
moh_passthrough = yes
timers = always
timers_sess_expires = {SESSION_S}
auth = {name}
aors = {name}
[{name}](leg-auth)
username = {name}
supported_algorithms_uas = {algorithm}
[{name}](brief-aor)
"""


@dataclass(frozen=True)
class Place:
    """An Asterisk, the proxy before it, and its administrator."""

    server: Server
    site: AsteriskSite
    admin: httpx.AsyncClient

    async def call(self, name: str) -> str:
        """The server calls an endpoint; the channel."""
        parameters = {"endpoint": f"PJSIP/{name}", "context": "none", "extension": "take"}
        answer = await self.admin.post("/channels", params=parameters | {"priority": "1"})
        return str(answer.raise_for_status().json()["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    phones = {name: codec.asterisk for name, codec in PHONES.items()}
    server = Server(tmp_path_factory.mktemp("asterisk"), phones, LEGS)
    endpoints = [_endpoint(name, algorithm) for name, algorithm in ALGORITHMS.items()]
    server.more = {
        "pjsip.conf": "".join([_PJSIP, *endpoints]),
        "extensions.conf": _DIALPLAN,
        "modules.conf": "load = app_echo.so\n",
    }
    directory = tmp_path_factory.mktemp("kamailio")
    proxy = Kamailio(directory, Authority(directory, "site"))
    site = AsteriskSite(server)
    try:
        await site.start()
        await proxy.start()
        yield Place(server, site, site.admin)
    finally:
        await site.leave()
        await site.admin.aclose()
        await server.kill()
        await proxy.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def end(place: Place) -> AsyncIterator[End]:
    async with end_at(WS_URL, "sha256", PASSWORD, session_s=SESSION_S) as end:
        yield end


@pytest.mark.parametrize("name", ALGORITHMS)
async def test_it_signs_in_with_each_digest(place: Place, name: str) -> None:
    async with end_at(WS_URL, name, PASSWORD):
        await _online(place, name, "online")
    await _online(place, name, "offline")  # an orderly end takes the registration back


async def test_a_short_registration_is_refreshed(place: Place, end: End) -> None:
    await asyncio.sleep(6)  # it lasts 4 s
    assert end.registrations == 1
    await _online(place, "sha256", "online")
    await place.call("sha256")
    dialog = await end.take()
    await dialog.bye()


async def test_either_side_gives_a_call_up(place: Place, end: End) -> None:
    channel = await place.call("sha256")
    call = await end.ringing.get()
    await call.ringing()
    await place.admin.delete(f"/channels/{channel}")
    await until(lambda: call.settled)
    assert [one.method for one in end.requests].count("CANCEL") == 1
    calling = asyncio.create_task(end.agent.invite(f"sip:ring@{ADDRESS}", description()))
    await _channels(place, 1)
    calling.cancel()
    with suppress(asyncio.CancelledError):
        await calling
    await _channels(place, 0)
    assert end.agent.calls == ()


async def test_a_call_that_the_server_holds_stands(place: Place, end: End) -> None:
    calling = asyncio.create_task(place.site.phones["customer"].call("call-on-sha256"))
    dialog = await end.take()
    customer = await calling
    for direction in ("sendonly", "sendrecv"):
        before = len(end.heard("ACK"))
        await customer.dialog.reinvite(customer.sound.sdp(direction))
        await until(lambda before=before: len(end.heard("ACK")) > before)  # type: ignore[misc]
    held = ["a=sendonly" in one.body for one in end.heard("INVITE")]
    assert held == [False, True, False]
    assert not dialog.ended.is_set()
    await dialog.bye()
    await until(customer.dialog.ended.is_set)
    await customer.sound.close()


async def test_sessions_are_refreshed_by_whoever_has_to(place: Place, end: End) -> None:
    await place.call("sha256")
    theirs = await end.take()
    ours, _ = await end.agent.invite(f"sip:take@{ADDRESS}", description())
    for dialog in (ours, theirs):
        assert dialog.agreement is not None
        assert dialog.agreement.interval_s == SESSION_S
    roles = {dialog.agreement.we_refresh for dialog in (ours, theirs) if dialog.agreement}
    numbers = [dialog.cseq + dialog.their_cseq for dialog in (ours, theirs)]
    await asyncio.sleep(SESSION_S / 2 + 3)
    assert [dialog.cseq + dialog.their_cseq for dialog in (ours, theirs)] > numbers
    assert roles == {True, False}
    for dialog in (ours, theirs):
        assert not dialog.ended.is_set()
        await dialog.bye()


async def test_it_registers_again_after_the_servers_restart(place: Place, end: End) -> None:
    await place.call("sha256")
    dialog = await end.take()
    await place.site.stop()
    await until(lambda: not end.agent.registered.is_set())
    await place.site.start()
    await until(end.agent.registered.is_set)
    await until(dialog.ended.is_set)  # the new server knows nothing of it
    assert end.agent.calls == ()
    await place.call("sha256")
    await (await end.take()).bye()


async def test_a_call_is_joined_through_the_proxy(place: Place) -> None:
    settings: dict[str, Any] = {"endpoint": BEHIND, "endpoint_user": BEHIND}
    async with desk_at(place.site, ws_url=kamailio.WS_URL, **settings) as desk:
        call = await place.site.call()
        handle, leg = await desk.join(call.id)
        await call.customer.tone(CUSTOMER_HZ)
        await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        await desk.leave(handle)
        async with asyncio.timeout(5):
            while await place.site.ours():
                await asyncio.sleep(0.02)
        assert await call.active()
        await call.customer.hang_up()


@pytest.mark.parametrize("exten", ["plain-echo", "nomid-echo"])
async def test_a_leg_that_calls_through_the_proxy_hears(place: Place, exten: str) -> None:
    """407 of the proxy, 401 of the server; ``nomid``: the proxy takes the media's names away."""
    leg = LegEnd(LegNeeds())
    async with end_at(kamailio.WS_URL, BEHIND, PASSWORD) as end:
        dialog, answer = await end.agent.invite(f"sip:{exten}@{ADDRESS}", await leg.offer())
        await leg.accept(answer)
        leg.track.hz = ECHO_HZ
        await until(lambda: leg.level(ECHO_HZ) > HEARD_DBFS)
        await dialog.bye()
    await leg.close()
    await _channels(place, 0)


async def _online(place: Place, name: str, state: str) -> None:
    async with asyncio.timeout(5):
        while (await place.admin.get(f"/endpoints/PJSIP/{name}")).json()["state"] != state:
            await asyncio.sleep(0.05)


async def _channels(place: Place, count: int) -> None:
    async with asyncio.timeout(5):
        while len(await place.site.channels()) != count:
            await asyncio.sleep(0.02)
