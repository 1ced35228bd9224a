"""Channels and bridges of Asterisk as interactions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from appliance.control_link.words import EndReason
from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ari import _event
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.settings import AsteriskSettings

SETTINGS = AsteriskSettings.model_validate(
    {
        "agents": [{"endpoint": "ada", "name": "Ada"}, {"endpoint": "agent-*"}],
        "monitoring_variable": "MON",
        "queue_variable": "QUEUE",
    }
)
NAMES = {
    "c": "PJSIP/trunk-00000001",
    "a": "PJSIP/ada-00000002",
    "b": "PJSIP/agent-bo-00000003",
    "l1": "Local/9@x-00000001;1",
    "l2": "Local/9@x-00000001;2",
    "h.leg": "PJSIP/box-00000009",
    "h.snoop-0a": "Snoop/c-00000001",
    "h.far-0a": "Local/barge@bargebox-00000002;2",
}
AGES = {name: number for number, name in enumerate(NAMES)}


def channel(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "name": NAMES[name],
        "state": "Up",
        "caller": {"number": "+1555", "name": ""},
        "dialplan": {"exten": "800", "context": "in"},
        "creationtime": f"2026-11-28T03:55:{AGES[name]:02}.000+0000",
        "channelvars": {"MON": "on"},
        **more,
    }


def event(kind: str, **more: Any) -> wire.Event:
    fields = {
        key: channel(value) if key in ("channel", "peer", "caller") else value
        for key, value in more.items()
    }
    if "bridge" in fields:
        fields["bridge"] = {"id": fields["bridge"], "channels": []}
    return wire.Event.model_validate({"type": kind, **fields})


class World:
    """A listing and what it said."""

    def __init__(self, settings: AsteriskSettings = SETTINGS) -> None:
        self.listing = Listing(settings)

    def tell(self, kind: str, **more: Any) -> list[tuple[str, str]]:
        changed = self.listing.apply(event(kind, **more))
        return [(one.id, one.state) for one in changed]

    def call(self) -> None:
        """A customer's call, answered by Ada."""
        assert self.tell("ChannelCreated", channel="c") == [("c", "ringing")]
        self.tell("ChannelCreated", channel="a")
        self.tell("Dial", caller="c", peer="a")
        self.tell("ChannelEnteredBridge", channel="a", bridge="B")
        assert self.tell("ChannelEnteredBridge", channel="c", bridge="B") == [
            ("c", "in-conversation")
        ]


@pytest.fixture
def world() -> World:
    return World()


def test_a_call_has_its_agent_and_customer(world: World) -> None:
    world.call()
    shown = world.listing.shown["c"]
    assert [(agent.id, agent.name) for agent in shown.agents] == [("ada", "Ada")]
    assert (shown.customer, shown.contact_point, shown.direction) == ("+1555", "800", "inbound")
    assert shown.monitorable
    assert list(world.listing.shown) == ["c"]


def test_an_agent_alone_is_no_call(world: World) -> None:
    assert world.tell("ChannelCreated", channel="a") == []


def test_our_own_channels_are_no_calls(world: World) -> None:
    world.call()
    assert world.tell("ChannelCreated", channel="h.leg") == []
    assert world.tell("ChannelCreated", channel="h.snoop-0a") == []
    assert world.tell("ChannelEnteredBridge", channel="h.leg", bridge="h.bridge") == []
    assert world.listing.ours == {"h.leg", "h.snoop-0a"}


def test_hold_and_its_end(world: World) -> None:
    world.call()
    assert world.tell("ChannelHold", channel="a") == [("c", "on-hold")]
    assert world.tell("ChannelUnhold", channel="a") == [("c", "in-conversation")]


def test_leaving_a_bridge_may_be_told_after_entering_the_next(world: World) -> None:
    world.call()
    world.tell("ChannelEnteredBridge", channel="a", bridge="B2")
    world.tell("ChannelEnteredBridge", channel="c", bridge="B2")
    world.tell("ChannelLeftBridge", channel="c", bridge="B")
    world.tell("ChannelLeftBridge", channel="a", bridge="B")
    assert world.listing.shown["c"].state == "in-conversation"


def test_who_left_a_call_that_goes_on_has_not_ended_it(world: World) -> None:
    world.call()
    world.tell("ChannelCreated", channel="l1")
    world.tell("ChannelEnteredBridge", channel="l1", bridge="B")
    world.tell("ChannelEnteredBridge", channel="b", bridge="B")
    world.tell("ChannelHangupRequest", channel="l1")  # optimised away
    world.tell("ChannelHangupRequest", channel="a")  # has transferred the call
    for gone in ("l1", "a"):
        world.tell("ChannelLeftBridge", channel=gone, bridge="B")
        world.tell("ChannelDestroyed", channel=gone)
    assert world.listing.shown["c"].state == "in-conversation"
    world.tell("ChannelHangupRequest", channel="c")
    assert world.listing.reason("c") is EndReason.CUSTOMER_ENDED


def test_ours_make_no_conversation_of_one_party(world: World) -> None:
    world.call()
    world.tell("ChannelCreated", channel="h.far-0a")
    world.tell("ChannelEnteredBridge", channel="h.far-0a", bridge="B")
    assert world.listing.company("B") == 2
    world.tell("ChannelLeftBridge", channel="a", bridge="B")
    assert world.listing.company("B") == 1
    assert world.tell("ChannelDestroyed", channel="a") == [("c", "transferring")]


def test_a_transfer_keeps_the_calls_name(world: World) -> None:
    world.call()
    world.tell("ChannelLeftBridge", channel="a", bridge="B")
    world.tell("ChannelLeftBridge", channel="c", bridge="B")
    assert world.tell("ChannelDestroyed", channel="a") == [("c", "transferring")]
    world.tell("ChannelCreated", channel="b")
    world.tell("Dial", caller="c", peer="b")
    world.tell("ChannelEnteredBridge", channel="b", bridge="B2")
    world.tell("ChannelEnteredBridge", channel="c", bridge="B2")
    shown = world.listing.shown["c"]
    assert shown.state == "in-conversation"
    assert [agent.id for agent in shown.agents] == ["agent-bo"]


@pytest.mark.parametrize(
    ("first", "reason"), [("a", EndReason.AGENT_ENDED), ("c", EndReason.CUSTOMER_ENDED)]
)
def test_who_hangs_up_first_ended_it(world: World, first: str, reason: EndReason) -> None:
    world.call()
    world.tell("ChannelHangupRequest", channel=first)
    world.tell("ChannelHangupRequest", channel="a" if first == "c" else "c")
    world.tell("ChannelDestroyed", channel="a")
    assert world.tell("ChannelDestroyed", channel="c") == [("c", "ended")]
    assert world.listing.reason("c") is reason
    assert world.listing.reason("c") is EndReason.CALL_ENDED  # told once


def test_halves_of_a_local_channel_hold_a_call_together(world: World) -> None:
    world.tell("ChannelCreated", channel="c")
    for name, bridge in (("c", "B1"), ("l1", "B1"), ("l2", "B2"), ("a", "B2")):
        world.tell("ChannelEnteredBridge", channel=name, bridge=bridge)
    assert list(world.listing.shown) == ["c"]
    assert [agent.id for agent in world.listing.shown["c"].agents] == ["ada"]
    assert world.listing.shown["c"].state == "in-conversation"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("on", None),
        ("off", EndReason.MONITORING_DISABLED),
        ("", EndReason.NO_MONITORING_OBJECT),
    ],
)
def test_the_channels_variable_says_what_may_be(
    world: World, value: str, reason: EndReason | None
) -> None:
    world.call()
    for name in ("c", "a"):
        world.tell("ChannelVarset", channel=name, variable="__MON", value=value)
    read = wire.Channel.model_validate(channel("c", channelvars={"MON": value}))
    other = wire.Channel.model_validate(channel("a", channelvars={"MON": value}))
    world.listing.replace_all([read, other], [])
    assert world.listing.shown["c"].not_monitorable_reason is reason


def test_a_global_variable_counts_where_the_channels_says_nothing(world: World) -> None:
    read = wire.Channel.model_validate(channel("c", channelvars={}))
    world.listing.replace_all([read], [])
    assert not world.listing.shown["c"].monitorable
    told = wire.Event.model_validate({"type": "ChannelVarset", "variable": "MON", "value": "on"})
    (changed,) = world.listing.apply(told)
    assert changed.monitorable


def test_after_a_gap_what_is_gone_has_ended(world: World) -> None:
    world.call()
    (ended,) = world.listing.replace_all([], [])
    assert (ended.id, ended.state) == ("c", "ended")
    assert world.listing.shown == {}


def test_text_of_the_platform_is_cut_and_cleaned(world: World) -> None:
    name = channel("c", caller={"number": "\x1b[2J" + "9" * 500, "name": ""})
    world.listing.replace_all([wire.Channel.model_validate(name)], [])
    customer = world.listing.shown["c"].customer
    assert len(customer) == 120
    assert "\x1b" not in customer


KINDS = st.sampled_from(
    [
        "ChannelCreated",
        "ChannelDestroyed",
        "ChannelHold",
        "ChannelUnhold",
        "ChannelEnteredBridge",
        "ChannelLeftBridge",
        "ChannelHangupRequest",
        "Dial",
        "BridgeDestroyed",
    ]
)
STEP = st.tuples(
    KINDS,
    st.sampled_from(sorted(NAMES)),
    st.sampled_from(sorted(NAMES)),
    st.sampled_from(["B1", "B2"]),
)


@given(st.lists(STEP, max_size=40))
def test_whatever_comes_in_whatever_order_the_list_is_as_if_read_anew(
    steps: list[tuple[str, str, str, str]],
) -> None:
    world = World()
    told: dict[str, str] = {}
    for kind, one, other, bridge in steps:
        fields = {"caller": one, "peer": other} if kind == "Dial" else {"channel": one}
        told.update(world.tell(kind, bridge=bridge, **fields))
    active = {name for name, state in told.items() if state != "ended"}
    assert active == set(world.listing.shown)
    everything = set(NAMES)
    again = world.listing._refresh(everything, set(world.listing.shown))
    assert [one for one in again if one.state == "ended"] == []


@pytest.mark.parametrize(
    "bad",
    [
        {"type": 7},
        {"type": "ChannelCreated", "channel": "x"},
        {"type": "ChannelCreated", "channel": channel("c") | {"id": "x" * 400}},
        {"type": "ChannelCreated", "channel": channel("c") | {"creationtime": "yesterday"}},
    ],
)
def test_an_event_that_is_none_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        wire.Event.model_validate(bad)


def test_what_we_make_is_known_by_its_name() -> None:
    assert wire.handle_of(wire.leg_id("bargebox-7")) == "bargebox-7"
    assert wire.handle_of(wire.bridge_id("bargebox-7")) == "bargebox-7"
    assert wire.handle_of("bargebox-7.snoop-00ff") == "bargebox-7"
    assert wire.handle_of("1795838116.0") is None
    assert wire.handle_of("site-1795838116.0") is None


@pytest.mark.parametrize(
    "text", ['{"type":{"a":1}}', "[" * 50_000, "7", "null", '"x"', '{"type":[]}']
)
def test_a_text_that_is_no_event_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        _event(text)
