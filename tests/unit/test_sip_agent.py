"""The user agent against a server that does what no real one can be asked for."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from appliance.platforms.sip import agent as agents
from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.dialog import Dialog, IncomingCall
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.inbound import MAX_CALLS
from appliance.platforms.sip.message import MAX_MESSAGE, parameter
from tests.platforms.sip.ends import description, until
from tests.support.sip_stand_in import StandIn, response, signed_in, stand_in

OURS = description(user="b").replace("actpass", "active")


async def up(server: StandIn, *extra: tuple[str, str]) -> tuple[Dialog, str]:
    """A call that the server made and we took, and our tag of it."""
    invite = server.request("INVITE", *extra, body=description())
    await server.send(invite)
    await until(lambda: bool(server.calls))
    dialog = await server.calls.pop().answer(OURS)
    tag = parameter((await server.wait(200)).get("To"), "tag")
    await server.send(server.request("ACK", tag=tag, cseq=invite.cseq[0]))
    return dialog, tag


# -- calls of ours


async def test_a_call_is_cancelled_once_something_was_heard_of_it() -> None:
    async with signed_in() as (server, agent):
        server.answers["INVITE"] = lambda _request: None
        calling = asyncio.create_task(agent.invite("sip:peer@x", description()))
        invite = await server.wait("INVITE")
        calling.cancel()
        await asyncio.sleep(0.05)
        assert not server.got("CANCEL")
        await server.send(response(invite, 180))
        cancel = await server.wait("CANCEL")
        assert (cancel.branch, cancel.cseq[0]) == (invite.branch, invite.cseq[0])
        await server.send(response(invite, 487))
        assert (await server.wait("ACK")).branch == invite.branch
        assert agent.calls == ()
        assert not server.got("BYE")


async def test_a_call_that_is_taken_although_it_was_given_up_is_ended() -> None:
    async with signed_in() as (server, agent):
        server.answers["INVITE"] = lambda request: response(request, 180)
        calling = asyncio.create_task(agent.invite("sip:peer@x", description()))
        invite = await server.wait("INVITE")
        calling.cancel()
        await server.wait("CANCEL")
        await server.send(response(invite, 200, sdp=OURS))
        assert (await server.wait("ACK")).branch != invite.branch
        await server.wait("BYE")
        assert agent.calls == ()


async def test_an_answer_that_comes_again_is_acknowledged_again() -> None:
    async with signed_in() as (server, agent):
        server.answers["INVITE"] = lambda request: response(request, 200, sdp=OURS)
        dialog, _ = await agent.invite("sip:peer@x", description())
        (invite,) = server.got("INVITE")
        await server.send(response(invite, 200, sdp=OURS))
        assert (await server.wait("ACK", 2)).build() == (await server.wait("ACK")).build()
        assert not dialog.ended.is_set()
        second = response(invite, 200, sdp=OURS)
        second.headers = [(k, v.replace("there", "elsewhere")) for k, v in second.headers]
        await server.send(second)  # a fork: another one took it too
        bye = await server.wait("BYE")
        assert parameter(bye.get("To"), "tag") == "elsewhere"
        assert agent.calls == (dialog,)


async def test_a_dialog_that_the_other_side_does_not_know_is_over() -> None:
    async with signed_in() as (server, agent):
        server.answers["INVITE"] = lambda request: response(request, 200, sdp=OURS)
        dialog, _ = await agent.invite("sip:peer@x", description())
        server.answers["INFO"] = lambda request: response(request, 481)
        with pytest.raises(SipError):
            await dialog.info("Signal=4", "application/dtmf-relay")
        assert dialog.ended.is_set()
        assert agent.calls == ()


# -- calls of theirs


async def test_an_answer_is_repeated_until_it_is_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agents, "FIRST_REPEAT_S", 0.02)
    monkeypatch.setattr(agents, "SECONDS_TO_ACKNOWLEDGE", 0.5)
    async with signed_in() as (server, agent):
        await server.send(server.request("INVITE", body=description()))
        await until(lambda: bool(server.calls))
        dialog = await server.calls.pop().answer(OURS)
        await server.wait(200, 3)
        await server.wait("BYE")
        assert dialog.ended.is_set()
        assert agent.calls == ()


async def test_the_end_of_a_call_does_not_overtake_its_beginning() -> None:
    async with signed_in() as (server, _):
        invite = server.request("INVITE", body=description())
        await server.send(invite)
        await until(lambda: bool(server.calls))
        dialog = await server.calls.pop().answer(OURS)
        ending = asyncio.create_task(dialog.bye())
        tag = parameter((await server.wait(200)).get("To"), "tag")
        await asyncio.sleep(0.05)
        assert not server.got("BYE")
        await server.send(server.request("ACK", tag=tag, cseq=invite.cseq[0]))
        await server.wait("BYE")
        await ending


async def test_an_invite_without_a_description_gets_ours() -> None:
    async with signed_in() as (server, _):
        dialog, tag = await up(server)
        again = server.request("INVITE", tag=tag)
        await server.send(again)
        assert (await server.wait(200, 2)).body == OURS
        theirs = description(7)
        await server.send(server.request("ACK", tag=tag, cseq=again.cseq[0], body=theirs))
        await until(lambda: dialog.theirs == theirs)
        await server.send(server.request("UPDATE", tag=tag, body=description(8, "inactive")))
        assert "a=inactive" in (await server.wait(200, 3)).body
        await server.send(server.request("UPDATE", tag=tag))
        assert (await server.wait(200, 4)).body == ""


async def test_what_is_wrong_with_a_request_is_said() -> None:
    async with signed_in() as (server, agent):
        _, tag = await up(server)
        bare = server.request("INVITE", call="bare")
        bare.headers = [one for one in bare.headers if one[0] != "Contact"]
        text = server.request("INVITE", ("Content-Type", "text/plain"), call="text")
        text.body = "hello"
        hasty = (("Supported", "timer"), ("Session-Expires", "5"))
        for status, request in (
            (400, bare),
            (415, text),
            (420, server.request("INVITE", ("Require", "100rel"), call="new")),
            (422, server.request("INVITE", *hasty, call="hasty")),
            (481, server.request("INFO", tag="guessed")),
            (481, server.request("CANCEL", call="none")),
            (482, server.request("INVITE", body=description())),
            (488, server.request("INVITE", tag=tag, body=description(9, ufrag="new"))),
            (500, server.request("INFO", tag=tag, cseq=1)),
            (405, server.request("SUBSCRIBE", call="none")),
        ):
            await server.send(request)
            await server.wait(status, 2 if status == 481 and request.method == "CANCEL" else 1)
        assert server.got(420)[0].get("Unsupported") == "100rel"
        assert server.got(422)[0].get("Min-SE") == "90"
        assert len(agent.calls) == 1


async def test_calls_are_bounded() -> None:
    async with signed_in() as (server, agent):
        for number in range(MAX_CALLS + 2):
            await server.send(server.request("INVITE", call=f"call-{number}"))
        await server.wait(486, 2)
        assert len(agent.calls) == MAX_CALLS


async def test_a_message_that_is_too_long_ends_the_connection_in_words() -> None:
    async with stand_in() as server:
        account = Account(server.url, "box", "box", SecretStr("secret"))
        agent = UserAgent(account, lambda _call: None)
        life = asyncio.create_task(agent.run(None))
        await agent.registered.wait()
        await server.send("x" * (MAX_MESSAGE + 1))
        with pytest.raises(SipError, match="too long"):
            await life


# -- whatever comes, in whatever order

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "INFO", "OPTIONS", "PRACK", "junk", "200"]
        ),
        st.integers(0, 2),
        st.sampled_from(["", "ours", "wrong"]),
        st.sampled_from(["", "same", "held", "other", "v=0"]),
        st.sampled_from(["answer", "reject", "wait"]),
    ),
    max_size=25,
)
BODIES = {
    "": "",
    "same": description(),
    "held": description(2, "sendonly"),
    "other": description(3, ufrag="other"),
    "v=0": "v=0\r\nm=\r\n",
}
Step = tuple[str, int, str, str, str]


async def play(server: StandIn, step: Step) -> None:
    method, number, whose, body, then = step
    call = f"call-{number}"
    tags = [
        parameter(one.get("To"), "tag")
        for one in server.received
        if one.status >= 200 and one.get("Call-ID") == call
    ]
    tag = {"": "", "ours": tags[-1] if tags else "", "wrong": "wrong"}[whose]
    request = server.request(method, call=call, tag=tag, body=BODIES[body])
    if method == "junk":
        await server.send(BODIES[body], b"\xff\x00", "INVITE sip:x SIP/2.0\r\n\r\n")
    elif method == "200":
        await server.send(response(server.request("INVITE", call=call), 200))
    else:
        await server.send(request)
    await asyncio.sleep(0)
    for ringing in server.calls[:]:
        if then == "wait":
            continue
        server.calls.remove(ringing)
        with suppress(SipError):
            await (ringing.answer(OURS) if then == "answer" else ringing.reject(486))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_no_sequence_breaks_it_or_leaves_a_call(steps: list[Step]) -> None:
    async def live() -> None:
        async with signed_in() as (server, agent):
            for step in steps:
                await play(server, step)
            await server.send(server.request("OPTIONS", call="at last"))
            async with asyncio.timeout(5):
                while not any(one.get("Call-ID") == "at last" for one in server.got(200)):
                    await asyncio.sleep(0.002)
            for call in agent.calls:
                if isinstance(call, IncomingCall):
                    await call.reject(486)
                else:
                    tag = parameter(call.local, "tag")
                    bye = server.request("BYE", call=call.call_id, tag=tag)
                    await server.send(bye)
            await until(lambda: agent.calls == ())

    asyncio.run(live())
