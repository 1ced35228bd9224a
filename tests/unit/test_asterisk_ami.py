"""The driver's AMI connection, against a server that does what the real one is not asked for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.platforms.asterisk import ami as ami_module
from appliance.platforms.asterisk.ami import Ami
from appliance.platforms.asterisk.ami_text import AmiMessage, AmiReader
from appliance.platforms.asterisk.errors import (
    NotFoundError,
    RefusedError,
    SignInError,
    UntrustedError,
)
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.trust import tls_context
from appliance.platforms.protocol import PlatformError
from appliance.service.tasks import stop_tasks

PASSWORD = "kept-to-itself"
BANNER = b"Asterisk Call Manager/11.0.0\r\n"
Answer = Callable[[AmiMessage], bytes | None]
"""What to send for an action, its ActionID filled in for ``@``; None closes."""


def signing_in(asked: AmiMessage) -> bytes | None:
    if asked.get("Action") == "Challenge":
        return b"Response: Success\r\nActionID: @\r\nChallenge: 123\r\n\r\n"
    return b"Response: Success\r\nActionID: @\r\n\r\n"


@asynccontextmanager
async def server(
    answer: Answer, banner: bytes = BANNER, tls: ssl.SSLContext | None = None
) -> AsyncIterator[AsteriskSettings]:
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        actions = AmiReader()
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                for asked in actions.feed(data):
                    if (text := answer(asked)) is None:
                        return
                    writer.write(text.replace(b"@", asked.get("ActionID").encode()))

    async def talk_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await talk(reader, writer)
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)

    listener = await asyncio.start_server(talk_and_close, "127.0.0.1", 0, ssl=tls)
    try:
        port = listener.sockets[0].getsockname()[1]
        yield settings(f"{'tls' if tls else 'tcp'}://127.0.0.1:{port}")
    finally:
        listener.close()
        await stop_tasks(*talks)


def settings(url: str) -> AsteriskSettings:
    section = {"mode": "chanspy", "ami_url": url, "password": PASSWORD, "request_timeout": 0.5}
    return AsteriskSettings.model_validate(section)


@asynccontextmanager
async def connected(answer: Answer) -> AsyncIterator[Ami]:
    def after_signing_in(asked: AmiMessage) -> bytes | None:
        known = asked.get("Action") in ("Challenge", "Login")
        return signing_in(asked) if known else answer(asked)

    async with server(after_signing_in) as section:
        ami = Ami(section, None)
        try:
            await ami.open()
            yield ami
        finally:
            await ami.close()


async def test_the_password_does_not_travel() -> None:
    heard: list[AmiMessage] = []

    def answer(asked: AmiMessage) -> bytes | None:
        heard.append(asked)
        return signing_in(asked)

    async with server(answer) as section:
        ami = Ami(section, None)
        await ami.open()
        await ami.close()
    login = heard[-1]
    expected = hashlib.md5(f"123{PASSWORD}".encode(), usedforsecurity=False).hexdigest()
    assert login.get("Key") == expected
    assert all(PASSWORD not in value for one in heard for _, value in one.lines)


async def test_a_refused_sign_in_is_said_without_the_secret() -> None:
    def answer(asked: AmiMessage) -> bytes | None:
        if asked.get("Action") == "Challenge":
            return signing_in(asked)
        return b"Response: Error\r\nActionID: @\r\nMessage: Authentication failed\r\n\r\n"

    async with server(answer) as section:
        ami = Ami(section, None)
        with pytest.raises(SignInError, match=r"manager\.conf") as refusal:
            await ami.open()
        await ami.close()
    assert PASSWORD not in refusal.value.detail


async def test_tls_trusts_the_site_s_own_certificates_and_no_other(
    certificate: tuple[Path, Path],
) -> None:
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(*certificate)
    async with server(signing_in, tls=secured) as section:
        trusting = section.model_copy(update={"ca_file": certificate[0]})
        ami = Ami(trusting, await tls_context(trusting))
        await ami.open()
        await ami.close()
        ami = Ami(section, await tls_context(section))
        with pytest.raises(UntrustedError, match="CA file"):
            await ami.open()
        await ami.close()


async def test_what_is_no_ami_is_said_so() -> None:
    async with server(signing_in, banner=b"SSH-2.0-OpenSSH_9.2\r\n") as section:
        ami = Ami(section, None)
        with pytest.raises(PlatformError, match="not Asterisk's AMI"):
            await ami.open()
        await ami.close()


async def test_nobody_there_is_said_so() -> None:
    ami = Ami(settings("tcp://127.0.0.1:9"), None)
    with pytest.raises(PlatformError, match="does not answer"):
        await ami.open()
    await ami.close()


@pytest.mark.parametrize("banner", [b"", b"x" * 200_000])
async def test_a_server_that_never_greets_is_given_up(banner: bytes) -> None:
    async with server(signing_in, banner=banner) as section:
        ami = Ami(section, None)
        with pytest.raises(PlatformError):
            await ami.open()
        await ami.close()


async def test_a_late_answer_is_not_taken_for_another() -> None:
    def answer(asked: AmiMessage) -> bytes | None:
        if asked.get("Action") == "Slow":
            return b""
        late = b"Response: Success\r\nActionID: 3\r\nMessage: late\r\n\r\n"
        return late + b"Response: Success\r\nActionID: @\r\nMessage: right\r\n\r\n"

    async with connected(answer) as ami:
        with pytest.raises(PlatformError, match="does not answer"):
            await ami.ask("Slow")
        assert (await ami.ask("Ping")).get("Message") == "right"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b"No such channel", NotFoundError),
        (b"Channel does not exist: x", NotFoundError),
        (b"Permission denied", SignInError),
        (b"Anything else", RefusedError),
    ],
)
async def test_refusals_have_their_kind(message: bytes, kind: type[PlatformError]) -> None:
    refusal = b"Response: Error\r\nActionID: @\r\nMessage: " + message + b"\r\n\r\n"
    async with connected(lambda _asked: refusal) as ami:
        with pytest.raises(kind):
            await ami.ask("Redirect")


async def test_a_list_is_whole_and_events_within_it_wait() -> None:
    text = (
        b"Response: Success\r\nActionID: @\r\nEventList: start\r\n\r\n"
        b"Event: CoreShowChannel\r\nActionID: @\r\nUniqueid: 1\r\n\r\n"
        b"Event: Newchannel\r\nUniqueid: 2\r\n\r\n"
        b"Event: CoreShowChannel\r\nActionID: @\r\nUniqueid: 3\r\n\r\n"
        b"Event: CoreShowChannelsComplete\r\nActionID: @\r\nEventList: Complete\r\n\r\n"
    )
    events: list[str] = []
    async with connected(lambda _asked: text) as ami:
        listed = await ami.listed("CoreShowChannels")
        assert [one.get("Uniqueid") for one in listed] == ["1", "3"]
        reading = asyncio.create_task(ami.read(lambda event: events.append(event.get("Uniqueid"))))
        await asyncio.sleep(0)
        assert events == ["2"]
        reading.cancel()


async def test_a_lost_connection_ends_what_waits_for_it() -> None:
    async with connected(lambda _asked: None) as ami:
        with pytest.raises(PlatformError, match="lost"):
            await ami.ask("Ping")
        with pytest.raises(PlatformError, match="lost"):
            await ami.read(lambda _event: None)


async def test_a_server_that_falls_silent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami_module, "SECONDS_BETWEEN_PINGS", 0.05)
    async with connected(lambda _asked: b"") as ami:
        with pytest.raises(PlatformError, match="does not answer"):
            await ami.read(lambda _event: None)


async def test_an_enormous_message_ends_the_connection() -> None:
    async with connected(lambda _asked: b"a: " + b"x" * 400_000) as ami:
        with pytest.raises(PlatformError):
            await ami.ask("Ping")
        with pytest.raises(PlatformError, match="too long"):
            await ami.read(lambda _event: None)


async def test_more_events_than_can_wait_end_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ami_module, "MAX_LISTED", 10)
    flood = b"Event: Newchannel\r\n\r\n" * 20
    async with connected(lambda _asked: flood) as ami:
        with pytest.raises(PlatformError):
            await ami.ask("Ping")
        with pytest.raises(PlatformError, match="more calls"):
            await ami.read(lambda _event: None)
