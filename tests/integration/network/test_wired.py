"""Changing the network at the real NetworkManager: kept when confirmed, undone by it when not."""

from __future__ import annotations

import asyncio

import pytest

from appliance.service.errors import BargeboxError
from tests.integration.network.desk import OTHER, STATIC, Desk, make_desk
from tests.support.private_box import PEER, PrivateBox

KEPT = "ls /etc/NetworkManager/system-connections"


async def test_what_dhcp_gave_is_shown(desk: Desk) -> None:
    view = await desk.network.view()
    (device,) = view.devices
    assert (view.managed, view.pending, view.outcome) == (True, None, "")
    assert (device.name, device.kind, device.state) == ("eth0", "wired", "connected")
    assert device.addresses[0] == desk.services.addresses()[0]
    assert device.gateways == [PEER]
    assert device.dns == ["10.99.0.2"]
    assert device.search == ["example.net"]
    assert device.speed_mbps == 10_000
    assert device.mac.lower() in desk.services.run("ip link show eth0")
    assert device.settings is not None
    assert device.settings["ipv4"]["method"] == "dhcp"


async def test_a_confirmed_change_stays(desk: Desk) -> None:
    view = await desk.change(ipv4=STATIC)
    assert view.pending is not None
    assert 25 < view.pending.seconds_left <= 30
    assert view.pending.addresses[0] == "10.99.0.7"
    assert desk.notes.closed
    await desk.has("10.99.0.7/24")
    await desk.settled()
    assert desk.services.reached_by_the_peer("10.99.0.7")
    assert desk.services.run(KEPT) == ""
    view = await desk.network.confirm("tom")
    assert (view.pending, view.outcome) == (None, "The change is kept.")
    assert desk.services.run(KEPT) == "Bargebox eth0.nmconnection\n"
    assert desk.notes.actions() == [("tom", "network_changed"), ("tom", "network_confirmed")]
    detail = desk.notes.entries[0].detail
    assert detail["device"] == "eth0"
    desk.services.restart_network_manager(after_power_cut=True)
    await desk.has("10.99.0.7/24")
    device = await desk.eth0()
    assert device.settings is not None
    assert device.settings["ipv4"] == STATIC
    assert (device.gateways, device.dns) == ([PEER], STATIC["dns_servers"])
    assert device.search == ["example.org"]


async def test_networkmanager_undoes_it_by_itself_with_control_dead(services: PrivateBox) -> None:
    (before,) = services.addresses()
    first = make_desk(services, confirm_within_s=6)
    await first.change(ipv4=STATIC)
    await first.has("10.99.0.7/24")
    await first.network.stop()
    await first.has(before)
    assert services.reached_by_the_peer(before.partition("/")[0])
    device = await first.eth0()
    assert (device.profile, services.run(KEPT)) == ("Wired connection 1", "")


async def test_what_is_undone_is_told_and_on_record(services: PrivateBox) -> None:
    (before,) = services.addresses()
    desk = make_desk(services, confirm_within_s=5)
    await desk.change(ipv4=STATIC)
    view = await desk.until(lambda view: view.outcome != "")
    assert view.outcome == "The change was undone. Nobody confirmed it in time."
    assert view.pending is None
    await desk.has(before)
    assert desk.notes.actions() == [("tom", "network_changed"), ("bargebox", "network_rolled_back")]
    with pytest.raises(BargeboxError) as refused:
        await desk.network.confirm("tom")
    assert refused.value.code == "nothing_pending"
    await desk.network.stop()


async def test_a_later_change_is_undone_to_the_one_that_was_kept(desk: Desk) -> None:
    await desk.change(ipv4=STATIC)
    await desk.has("10.99.0.7/24")
    await desk.settled()
    await desk.network.confirm("tom")
    await desk.change(ipv4=OTHER, ipv6={"method": "off"})
    await desk.has("10.99.0.8/24")
    await desk.settled()
    view = await desk.network.discard("tom")
    assert (view.pending, view.outcome) == (None, "The change was undone.")
    await desk.has("10.99.0.7/24")
    device = await desk.eth0()
    assert device.settings is not None
    assert (device.settings["ipv4"], device.settings["ipv6"]["method"]) == (STATIC, "automatic")
    desk.services.restart_network_manager(after_power_cut=True)
    await desk.has("10.99.0.7/24")
    assert desk.notes.actions()[-1] == ("tom", "network_discarded")


async def test_a_box_that_loses_power_meanwhile_comes_up_with_the_old_settings(desk: Desk) -> None:
    await desk.change(ipv4=STATIC)
    await desk.has("10.99.0.7/24")
    desk.services.restart_network_manager(after_power_cut=True)
    await desk.until(lambda view: bool(view.devices) and view.devices[0].gateways == [PEER])
    assert "10.99.0.7/24" not in desk.services.addresses()


async def test_the_next_life_of_control_finds_it_and_confirms(desk: Desk) -> None:
    await desk.change(ipv4=STATIC)
    await desk.has("10.99.0.7/24")
    await desk.network.stop()
    later = make_desk(desk.services)
    await later.network.start()
    view = await later.network.view()
    assert view.pending is not None
    assert view.pending.addresses[0] == "10.99.0.7"
    await later.network.confirm("sue")
    assert desk.services.run(KEPT) == "Bargebox eth0.nmconnection\n"
    await later.network.stop()
    assert later.notes.actions() == [("sue", "network_confirmed")]


async def test_the_next_life_of_control_writes_down_that_it_was_undone(
    services: PrivateBox,
) -> None:
    first = make_desk(services, confirm_within_s=5)
    await first.change(ipv4=STATIC)
    await first.has("10.99.0.7/24")
    await first.network.stop()
    later = make_desk(services)
    await later.network.start()
    await later.until(lambda view: view.outcome != "")
    assert later.notes.actions() == [("bargebox", "network_rolled_back")]
    await later.network.stop()


async def test_an_address_that_another_device_has_is_undone_at_once(desk: Desk) -> None:
    (before,) = desk.services.addresses()
    taken = {"method": "static", "addresses": [f"{PEER}/24"]}
    await desk.change(ipv4=taken, ipv6={"method": "off"})
    view = await desk.until(lambda view: view.outcome != "")
    assert view.outcome == (
        "The change was undone. It did not come up. "
        "No address could be had, or another device has it already."
    )
    assert view.pending is None
    await desk.has(before)
    await desk.settled()
    assert desk.notes.actions()[-1] == ("bargebox", "network_rolled_back")


async def test_a_change_is_undone_while_it_comes_up(desk: Desk) -> None:
    (before,) = desk.services.addresses()
    await desk.change(ipv4=STATIC)
    await desk.network.discard("tom")
    assert desk.notes.closed, "the change itself has not let go of the calls yet"
    await desk.settled()
    await desk.has(before)
    assert (await desk.network.view()).pending is None
    assert desk.notes.actions()[-1] == ("tom", "network_discarded")


async def test_one_change_at_a_time(desk: Desk) -> None:
    await desk.change(ipv4=STATIC)
    await desk.settled()
    with pytest.raises(BargeboxError) as refused:
        await desk.change(ipv4=OTHER)
    assert refused.value.code == "pending"
    results = await asyncio.gather(
        desk.network.confirm("tom"), desk.network.confirm("sue"), return_exceptions=True
    )
    assert [getattr(one, "code", None) for one in results] == [None, "busy"]


async def test_a_call_is_not_cut(desk: Desk) -> None:
    (before,) = desk.services.addresses()
    desk.notes.in_a_call = True
    with pytest.raises(BargeboxError) as refused:
        await desk.change(ipv4=STATIC)
    assert refused.value.code == "busy"
    desk.notes.in_a_call = False
    await desk.change(ipv4=STATIC)
    await desk.has("10.99.0.7/24")
    await desk.settled()
    desk.notes.in_a_call = True
    with pytest.raises(BargeboxError) as refused:
        await desk.network.discard("tom")
    assert refused.value.code == "busy"
    await desk.network.confirm("tom")  # cuts nobody off
    assert desk.services.addresses() != [before]


async def test_what_is_not_there_or_taken_is_refused(desk: Desk) -> None:
    for device in ("eth7", "lo"):
        with pytest.raises(BargeboxError) as refused:
            await desk.change(device, ipv4=STATIC)
        assert refused.value.code == "not_found"
    desk.services.run("ip link add eth1 type veth peer name far1; ip link set far1 up")
    desk.services.run(
        "nmcli connection add type ethernet con-name two ifname eth1 ip4 10.98.0.1/24"
    )
    desk.services.run("nmcli connection up two")
    await desk.until(lambda view: any("10.98.0.1/24" in one.addresses for one in view.devices))
    own = {"method": "static", "addresses": ["10.99.0.7/24", "10.98.0.1/24"]}
    with pytest.raises(BargeboxError) as refused:
        await desk.change(ipv4=own)
    assert refused.value.detail == "ipv4.addresses.1: The box’s eth1 has this address already."
    assert desk.notes.entries == []


async def test_without_a_cable_it_is_saved_at_once(desk: Desk) -> None:
    desk.services.run("ip -n peer link set peer0 down")
    await desk.until(lambda view: view.devices[0].state == "no_cable")
    view = await desk.change(ipv4=STATIC)
    assert view.pending is None
    assert desk.services.run(KEPT) == "Bargebox eth0.nmconnection\n"
    desk.services.run("ip -n peer link set peer0 up")
    await desk.has("10.99.0.7/24")
