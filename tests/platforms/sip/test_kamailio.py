"""The user agent behind a site's proxy: a real Kamailio that asks with 407 and stays in the way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.errors import SipError, SipUntrustedError
from appliance.platforms.sip.sdp import sections
from tests.platforms.sip.ends import End, connected, description, end_at, until
from tests.platforms.sip.kamailio import (
    ADDRESS,
    MIN_SESSION_S,
    PASSWORD,
    WS_URL,
    WSS_URL,
    Kamailio,
)
from tests.support.certificates import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT: dict[str, Any] = {"session_s": 2, "min_session_s": 2}
"""Sessions as short as the proxy permits."""


@dataclass(frozen=True)
class Site:
    """A proxy, and who signed its certificate."""

    proxy: Kamailio
    authority: Authority


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["MD5", "SHA-256"])
async def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    directory = tmp_path_factory.mktemp("kamailio")
    authority = Authority(directory, "site")
    proxy = Kamailio(directory, authority, request.param)
    await proxy.start()
    yield Site(proxy, authority)
    await proxy.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def box(site: Site) -> AsyncIterator[End]:
    async with end_at(WS_URL, "box", PASSWORD, **SHORT) as end:
        yield end


@pytest_asyncio.fixture(loop_scope="module")
async def peer(site: Site) -> AsyncIterator[End]:
    async with end_at(WS_URL, "peer", PASSWORD, **SHORT) as end:
        yield end


def address(name: str) -> str:
    return f"sip:{name}@{ADDRESS}"


@pytest.mark.parametrize("box_calls", [True, False])
async def test_a_call_lives_and_ends_through_the_proxy(
    box: End, peer: End, box_calls: bool
) -> None:
    caller, called = (box, peer) if box_calls else (peer, box)
    near, far = await connected(caller, called, address(called.agent.account.name))
    assert near.routes
    assert far.routes
    await near.info("Signal=5\r\n", "application/dtmf-relay")
    assert [one.body for one in called.heard("INFO")] == ["Signal=5\r\n"]
    for dialog in (far, near):
        assert await dialog.reinvite(dialog.made)  # a refresh, whoever makes it
    await (near if box_calls else far).bye()
    await until(lambda: near.ended.is_set() and far.ended.is_set())
    assert box.agent.calls == peer.agent.calls == ()


async def test_a_held_call_is_answered_and_another_connection_is_refused(
    box: End, peer: End
) -> None:
    near, far = await connected(peer, box, address("box"))
    held = await near.reinvite(description(2, "sendonly"))
    assert "a=recvonly" in held
    assert "a=setup:active" in held
    assert sections(held)[0][1] == "o=b 1 2 IN IP4 192.0.2.1"  # another version of ours
    with pytest.raises(SipError) as refused:
        await near.reinvite(description(3, ufrag="other"))
    assert refused.value.status == 488
    back = await near.reinvite(description(4))
    assert "a=sendrecv" in back
    assert not far.ended.is_set()
    await far.bye()
    await until(near.ended.is_set)


async def test_a_call_that_is_given_up_rings_no_longer(box: End, peer: End) -> None:
    for caller, called in ((box, peer), (peer, box)):
        name = called.agent.account.name
        calling = asyncio.create_task(caller.agent.invite(address(name), description()))
        call = await called.ringing.get()
        await call.ringing()
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await until(lambda call=call: call.settled)  # type: ignore[misc]
        with pytest.raises(SipError):
            await call.answer(description())
        assert box.agent.calls == peer.agent.calls == ()


async def test_a_call_given_up_as_it_is_taken_ends_on_both_sides(box: End, peer: End) -> None:
    for after_s in (0.0, 0.002, 0.005, 0.01, 0.02):
        calling = asyncio.create_task(box.agent.invite(address("peer"), description()))
        call = await peer.ringing.get()
        taking = asyncio.create_task(call.answer(description(user="b")))
        await asyncio.sleep(after_s)
        calling.cancel()
        (given_up, _) = await asyncio.gather(calling, taking, return_exceptions=True)
        if not isinstance(given_up, BaseException):
            await given_up[0].bye()
        await until(lambda: box.agent.calls == peer.agent.calls == ())


async def test_a_refused_call_is_refused_in_words(box: End, peer: End) -> None:
    calling = asyncio.create_task(box.agent.invite(address("peer"), description()))
    await (await peer.ringing.get()).reject(486)
    with pytest.raises(SipError, match=r"refused our INVITE \(486\)\.") as refused:
        await calling
    assert refused.value.status == 486


@pytest.mark.parametrize("by", ["UPDATE", "INVITE"])
async def test_a_session_is_refreshed_by_who_called(box: End, peer: End, by: str) -> None:
    near, far = await connected(box, peer, address("peer"))
    assert near.agreement is not None
    assert near.agreement.interval_s == MIN_SESSION_S  # 422: the proxy wants no less
    assert (near.agreement.we_refresh, far.agreement and far.agreement.we_refresh) == (True, False)
    near.allowed = frozenset({by})
    before = len(peer.requests)
    await asyncio.sleep(MIN_SESSION_S * 1.4)
    refreshes = [one.method for one in peer.requests[before:] if one.method != "ACK"]
    assert refreshes == [by, "UPDATE"]  # from the first answer on it knows that UPDATE will do
    assert not near.ended.is_set()
    assert not far.ended.is_set()
    await near.bye()


async def test_a_session_that_nobody_refreshes_is_ended(box: End, peer: End) -> None:
    near, far = await connected(box, peer, address("peer"))
    near.agreement = None  # it forgets to
    near.refreshed.set()
    await until(far.ended.is_set, MIN_SESSION_S)
    await until(near.ended.is_set)
    assert box.heard("BYE")


async def test_registrations_are_refreshed_and_too_brief_ones_prolonged(site: Site) -> None:
    async with end_at(WS_URL, "brief", PASSWORD, expires_s=3) as end:  # 423: 7 s at least
        await asyncio.sleep(8)
        assert end.agent.registered.is_set()
        async with end_at(WS_URL, "other", PASSWORD) as other:
            near, far = await connected(other, end, address("brief"))
            await far.bye()
            await until(near.ended.is_set)
        assert (end.registrations, end.faults) == (1, [])


async def test_it_registers_again_after_the_proxys_restart(site: Site) -> None:
    async with end_at(WS_URL, "box", PASSWORD) as end:
        await site.proxy.stop()
        await until(lambda: not end.agent.registered.is_set())
        await site.proxy.start()
        await until(end.agent.registered.is_set)
        assert end.registrations == 2
        assert all("lost" in one or "does not answer" in one for one in end.faults)


async def test_a_wrong_password_is_told(site: Site) -> None:
    account = Account(WS_URL, "box", "box", SecretStr("wrong"))
    with pytest.raises(SipError, match="user and password") as refused:
        await UserAgent(account, lambda _call: None).check(None)
    assert refused.value.status == 401


async def test_an_orderly_end_takes_the_registration_back(box: End) -> None:
    async with end_at(WS_URL, "leaver", PASSWORD):
        pass
    with pytest.raises(SipError) as refused:
        await box.agent.invite(address("leaver"), description())
    assert refused.value.status == 404


async def test_it_signs_in_over_tls(site: Site) -> None:
    trust = ssl.create_default_context(cafile=site.authority.file)
    async with (
        end_at(WSS_URL, "secured", PASSWORD, context=trust, **SHORT) as end,
        end_at(WS_URL, "plain", PASSWORD, **SHORT) as other,
    ):
        near, far = await connected(other, end, address("secured"))
        await far.bye()
        await until(near.ended.is_set)
    account = Account(WSS_URL, "box", "box", SecretStr(PASSWORD))
    with pytest.raises(SipUntrustedError, match="not trusted"):
        await UserAgent(account, lambda _call: None).check(ssl.create_default_context())
