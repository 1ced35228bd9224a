"""VLAN and sign-in at the switch's port, as the real NetworkManager takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.provisioning.not_changed import NotChangedError
from tests.integration.network.desk import STATIC, Desk
from tests.support.certificates import self_signed

PASSWORD = "hunter2-hunter2"
KEPT = "cd /etc/NetworkManager/system-connections; cat *"
CAN_VLAN = "ip link add link lo name probe type vlan id 9 2>/dev/null && ip link delete probe"


async def without_cable(desk: Desk) -> None:
    """Nothing can come up, so whatever is changed is saved at once."""
    desk.services.run("ip -n peer link set peer0 down")
    await desk.until(lambda view: view.devices[0].state == "no_cable")


async def test_a_vlan_is_kept_and_let_go(desk: Desk) -> None:
    await without_cable(desk)
    await desk.change(ipv4=STATIC, vlan=12)
    kept = desk.services.run(KEPT)
    assert "id=12\nparent=eth0\n" in kept
    assert "interface-name=eth0.12\n" in kept
    cable, upon = desk.profile("Bargebox eth0"), desk.profile("Bargebox eth0 VLAN 12")
    assert (cable["ipv4.method"], cable["ipv6.method"]) == ("disabled", "disabled")
    assert (upon["ipv4.method"], upon["ipv4.addresses"]) == ("manual", "10.99.0.7/24")
    device = await desk.eth0()
    assert device.settings is not None
    assert (device.settings["vlan"], device.settings["ipv4"]) == (12, STATIC)
    await desk.settled()
    view = await desk.change(ipv4=STATIC)  # the cable's own part, without addresses, is up
    assert view.pending is not None
    assert view.devices[0].settings is not None
    assert view.devices[0].settings["vlan"] is None
    assert "type=vlan" in desk.services.run(KEPT)
    await desk.network.confirm("tom")
    assert "type=vlan" not in desk.services.run(KEPT)


async def test_a_vlan_comes_up_or_is_undone_where_the_kernel_has_none(desk: Desk) -> None:
    (before,) = desk.services.addresses()
    able = "yes" in desk.services.run(f"{CAN_VLAN} && echo yes || echo no")
    await desk.change(ipv4=STATIC | {"addresses": ["10.12.0.7/24"], "gateway": ""}, vlan=12)
    if able:
        await desk.until(lambda view: any("10.12.0.7/24" in one.addresses for one in view.devices))
        await desk.settled()
        await desk.network.discard("tom")
    view = await desk.until(lambda view: view.outcome != "")
    assert view.outcome.startswith("The change was undone.")
    await desk.has(before)
    assert "Bargebox" not in desk.services.run("nmcli connection")


async def test_a_password_is_kept_replaced_and_never_told(desk: Desk, tmp_path: Path) -> None:
    ca = self_signed(tmp_path)[0].read_text()
    access = {"method": "peap", "identity": "box-7", "server_domain": "radius.example.org"}
    secrets = {"ca_certificate": ca, "password": PASSWORD}
    await without_cable(desk)
    view = await desk.change(access=access | secrets)
    assert PASSWORD in desk.services.run(KEPT)
    told = view.model_dump_json() + repr(desk.notes.entries)
    assert PASSWORD not in told
    assert "BEGIN CERTIFICATE" not in told
    device = await desk.eth0()
    assert device.secrets_set == ["access.ca_certificate", "access.password"]
    assert device.settings is not None
    assert device.settings["access"] == access | {"anonymous_identity": ""}
    await desk.settled()
    await desk.change(access=access | {"identity": "box-8"})
    profile = desk.profile("Bargebox eth0")
    assert (profile["802-1x.identity"], profile["802-1x.password"]) == ("box-8", PASSWORD)
    assert profile["802-1x.phase2-auth"] == "mschapv2"
    assert profile["802-1x.domain-suffix-match"] == "radius.example.org"
    await desk.settled()
    await desk.change(access=access | {"password": "another"})
    assert desk.profile("Bargebox eth0")["802-1x.password"] == "another"
    await desk.settled()
    await desk.change()
    assert (await desk.eth0()).secrets_set == []


async def test_a_certificate_of_the_box_s_own(desk: Desk, tmp_path: Path) -> None:
    certificate, key = (path.read_text() for path in self_signed(tmp_path))
    access = {"method": "tls", "identity": "box-7", "ca_certificate": certificate}
    await without_cable(desk)
    with pytest.raises(NotChangedError) as refused:
        await desk.change(access=access)
    assert refused.value.fields == {
        "access.client_certificate": "This is needed.",
        "access.private_key": "This is needed.",
    }
    own = {"client_certificate": certificate, "private_key": key}
    await desk.change(access=access | own)
    assert (await desk.eth0()).secrets_set == [
        "access.ca_certificate",
        "access.client_certificate",
        "access.private_key",
    ]
    await desk.settled()
    await desk.change(access={"method": "tls", "identity": "box-8"})
    profile = desk.profile("Bargebox eth0")
    assert (profile["802-1x.eap"], profile["802-1x.identity"]) == ("tls", "box-8")
    assert desk.services.run(f"cat {profile['802-1x.private-key']}").strip() == key.strip()


async def test_a_sign_in_that_does_not_work_is_undone(desk: Desk, tmp_path: Path) -> None:
    (before,) = desk.services.addresses()
    ca = self_signed(tmp_path)[0].read_text()
    access = {"method": "peap", "identity": "box-7", "password": "x", "ca_certificate": ca}
    await desk.change(access=access)
    view = await desk.until(lambda view: view.outcome != "", 40)
    assert view.outcome.startswith("The change was undone. It did not come up.")
    await desk.has(before)
