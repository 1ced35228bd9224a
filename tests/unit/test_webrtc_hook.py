"""The hook into aiortc and aioice, name by name: a failure says what changed in which of them.

`test_sandbox_webrtc.py` tries what is built on these names.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import inspect
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pylibsrtp
import pytest
from aioice import ice, turn
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
)
from aiortc.rtcdtlstransport import RTCDtlsTransport, RtpRouter, State
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket

ROOT = Path(__file__).parents[2]


class Method(NamedTuple):
    """A method that we replace, call or stand in for, and its parameters."""

    owner: type | Any
    name: str
    parameters: str
    coroutine: bool = False


METHODS = [
    Method(RTCRtpReceiver, "_handle_rtp_packet", "self packet arrival_time_ms", coroutine=True),
    Method(RTCRtpSender, "_handle_rtcp_packet", "self packet", coroutine=True),
    Method(RTCRtpSender, "_run_rtp", "self codec", coroutine=True),
    Method(RTCRtpSender, "_retransmit", "self sequence_number", coroutine=True),
    Method(StreamStatistics, "add", "self packet"),
    Method(HeaderExtensionsMap, "set", "self values"),
    Method(RtpPacket, "parse", "data extensions_map"),
    Method(RtpRouter, "route_rtp", "self packet"),
    Method(RTCDtlsTransport, "_get_stats", "self"),
    Method(pylibsrtp.Session, "protect", "self packet"),
    Method(pylibsrtp.Session, "protect_rtcp", "self packet"),
    Method(ice.Connection, "build_request", "self pair nominate"),
    Method(
        ice.StunProtocol,
        "request",
        "self request addr integrity_key retransmissions",
        coroutine=True,
    ),
    Method(ice.StunProtocol, "datagram_received", "self data addr"),
    Method(turn.TurnClientUdpProtocol, "_send", "self data"),
    Method(turn.TurnClientTcpProtocol, "_send", "self data"),
    Method(ice, "get_host_addresses", "use_ipv4 use_ipv6"),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: f"{m.owner.__name__}.{m.name}")
def test_a_method_that_we_reach_for_is_what_it_was(method: Method) -> None:
    what = f"{method.owner.__name__}.{method.name}"
    found = getattr(method.owner, method.name, None)
    assert found is not None, f"{what} is gone"
    is_now = " ".join(inspect.signature(found).parameters)
    assert is_now == method.parameters, f"{what} took ({method.parameters}), takes ({is_now})"
    assert inspect.iscoroutinefunction(found) is method.coroutine, f"{what} is async or no longer"


class Held(NamedTuple):
    """Something that an object keeps under a name which we read or replace."""

    name: str
    kind: type
    owner: Callable[[RTCRtpTransceiver], object]


HELD = [
    Held("_RTCRtpReceiver__codecs", dict, lambda t: t.receiver),
    Held("_RTCRtpReceiver__remote_streams", dict, lambda t: t.receiver),
    Held("_enabled", bool, lambda t: t.receiver),
    Held("_enabled", bool, lambda t: t.sender),
    Held("_RTCRtpSender__rtp_header_extensions_map", HeaderExtensionsMap, lambda t: t.sender),
    Held("_RTCRtpSender__rtp_started", asyncio.Event, lambda t: t.sender),
    Held("_RTCRtpSender__rtp_exited", asyncio.Event, lambda t: t.sender),
    Held("_RTCRtpSender__mid", object, lambda t: t.sender),
    Held("_RTCRtpSender__packet_count", int, lambda t: t.sender),
    Held("_RTCRtpSender__octet_count", int, lambda t: t.sender),
    Held("_RTCRtpSender__ntp_timestamp", int, lambda t: t.sender),
    Held("_RTCRtpSender__rtp_timestamp", int, lambda t: t.sender),
    Held("_ssrc", int, lambda t: t.sender),
    Held("_codecs", list, lambda t: t),
    Held("_rtp_router", RtpRouter, lambda t: t.receiver.transport),
    Held("payload_type_table", dict, lambda t: t.receiver.transport._rtp_router),
    Held("ssrc_table", dict, lambda t: t.receiver.transport._rtp_router),
    Held("_RTCDtlsTransport__rx_packets", int, lambda t: t.receiver.transport),
    Held("_RTCDtlsTransport__rx_bytes", int, lambda t: t.receiver.transport),
    Held("_rx_srtp", object, lambda t: t.receiver.transport),
    Held("_tx_srtp", object, lambda t: t.sender.transport),
    Held("_state", State, lambda t: t.receiver.transport),
    Held("_rtp_header_extensions_map", HeaderExtensionsMap, lambda t: t.receiver.transport),
    Held("_connection", ice.Connection, lambda t: t.receiver.transport.transport),
    Held("_nominated", dict, lambda t: t.receiver.transport.transport._connection),
    Held("_protocols", list, lambda t: t.receiver.transport.transport._connection),
    Held("_queue", asyncio.Queue, lambda t: t.receiver.transport.transport._connection),
]


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.name)
async def test_what_an_object_keeps_is_under_the_same_name(held: Held) -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = connection.addTransceiver("audio")
    await connection.setLocalDescription()
    owner = held.owner(transceiver)
    await connection.close()
    what = f"{type(owner).__name__}.{held.name}"
    assert hasattr(owner, held.name), f"{what} is gone"
    found = type(getattr(owner, held.name))
    assert issubclass(found, held.kind), f"{what} was a {held.kind.__name__}, is a {found.__name__}"


async def test_a_relay_keeps_its_client_and_the_channels_under_the_same_names() -> None:
    client = turn.TurnClientUdpProtocol(("192.0.2.1", 3478), None, None, 600, 500)
    assert client.peer_to_channel == {}, "TurnClientMixin.peer_to_channel is not a dict any more"
    kept = vars(turn.TurnTransport(client))
    assert kept.get("_TurnTransport__inner_protocol") is client, "TurnTransport keeps it elsewhere"
    assert turn.TurnTransport(client).get_extra_info("socket") is None


def test_header_extensions_have_an_audio_level() -> None:
    values = HeaderExtensions()
    assert values.audio_level is None, "HeaderExtensions.audio_level is not None from the start"


def test_the_pinned_versions_are_the_ones_that_run() -> None:
    """A newer aiortc or aioice is taken on purpose, by one who has read what is tested here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"aiortc=={importlib.metadata.version('aiortc')}" in project["dependencies"]
    locked = re.findall(r"^aioice==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked == [importlib.metadata.version("aioice")]
