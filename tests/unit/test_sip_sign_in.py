"""Signing in at a server that does what no real one can be asked for."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr

from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Message
from appliance.service.tasks import stop_tasks
from tests.support.sip_stand_in import response, stand_in


def challenge(request: Message, nonce: str, *, stale: bool = False) -> Message:
    words = f'Digest realm="r", nonce="{nonce}", qop="auth"' + (", stale=true" if stale else "")
    return response(request, 401, ("WWW-Authenticate", words))


async def registered_after(*nonces: tuple[str, bool]) -> tuple[list[str], str]:
    """The proofs that the server got for its challenges, and what went wrong."""
    left = list(nonces)
    async with stand_in() as server:

        def answer(request: Message) -> Message:
            if not left:
                return response(request, 200)
            nonce, stale = left.pop(0)
            return challenge(request, nonce, stale=stale)

        server.answers["REGISTER"] = answer
        account = Account(server.url, "box", "box", SecretStr("secret"))
        agent, fault = UserAgent(account, lambda _call: None), ""
        running = asyncio.create_task(agent.run(None))
        registered = asyncio.create_task(agent.registered.wait())
        await asyncio.wait((running, registered), return_when=asyncio.FIRST_COMPLETED)
        try:
            if running.done():
                running.result()
        except SipError as error:
            fault = error.detail
        await stop_tasks(running, registered)
        return [one.get("Authorization") for one in server.got("REGISTER")], fault


async def test_a_stale_nonce_is_replaced() -> None:
    proofs, fault = await registered_after(("1", False), ("2", True))
    assert not fault
    assert proofs[0] == ""
    assert ['nonce="1"' in proofs[1], 'nonce="2"' in proofs[2]] == [True, True]
    assert "nc=00000002" in proofs[3]  # the end of the registration


async def test_a_check_signs_in_and_changes_no_registration() -> None:
    async with stand_in() as server:
        account = Account(server.url, "box", "box", SecretStr("secret"))
        challenges = [challenge]

        def answer(request: Message) -> Message:
            return challenges.pop()(request, "1") if challenges else response(request, 200)

        server.answers["REGISTER"] = answer
        await UserAgent(account, lambda _call: None).check(None)
        asked = server.got("REGISTER")
    assert 'nonce="1"' in asked[-1].get("Authorization")
    assert [one.get("Contact") + one.get("Expires") for one in asked] == ["", ""]


async def test_a_server_that_takes_no_such_question_is_registered_at_and_left() -> None:
    async with stand_in() as server:
        account = Account(server.url, "box", "box", SecretStr("secret"))
        server.answers["REGISTER"] = lambda request: response(
            request, 200 if request.get("Contact") else 400
        )
        await UserAgent(account, lambda _call: None).check(None)
        asked = [one.get("Expires") for one in server.got("REGISTER")]
    assert asked == ["", str(account.expires_s), "0"]


async def test_a_password_that_is_refused_is_not_tried_again() -> None:
    proofs, fault = await registered_after(*[(str(number), False) for number in range(9)])
    assert len(proofs) == 2
    assert "user and password" in fault


async def test_a_server_that_is_never_content_is_given_up() -> None:
    proofs, fault = await registered_after(*[(str(number), True) for number in range(20)])
    assert len(proofs) == 6
    assert "user and password" in fault
