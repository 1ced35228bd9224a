"""Guessing passwords: braked before anything is hashed, and nobody is locked out by it."""

from __future__ import annotations

import pytest

from appliance.console.device_cookies import LASTS_S, DeviceCookies, cookie_name
from appliance.console.refused_sign_ins import GROUPS, ROWS, RefusedSignIns
from appliance.console.settings import ConsoleError
from appliance.console.sign_in_brake import (
    ALL_BURST,
    DEVICE_TRIES,
    MAX_NAMES,
    NAME_BURST,
    NAME_REFILL_S,
    SignInBrake,
    group_of,
)
from appliance.console.throttle import FORGET_AFTER, FREE_TRIES
from appliance.monitoring.audit import Entry
from appliance.monitoring.store import StoreError

GUESSES = 10_000


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def brake(clock: Clock) -> SignInBrake:
    return SignInBrake(clock)


def admitted(brake: SignInBrake, name: str, address: str, device: str | None = None) -> bool:
    try:
        brake.admit(name, address, device)
    except ConsoleError as error:
        told = (error.status, error.code, error.retry_after > 0)
        return told != (429, "too_many_attempts", True)
    return True


# -- its three limits, and who is let past them


def test_one_address_guessing_leaves_room_for_the_owner_elsewhere(
    brake: SignInBrake, clock: Clock
) -> None:
    hashed = 0
    for _ in range(GUESSES):  # for a quarter of an hour
        hashed += admitted(brake, "sam", "10.0.0.66")
        clock.now += 0.09
    assert hashed <= FREE_TRIES + 6 + 15
    assert admitted(brake, "sam", "10.0.0.9")


def test_many_addresses_at_one_account_are_bounded_and_room_grows_again(
    brake: SignInBrake, clock: Clock
) -> None:
    hashed = sum(admitted(brake, "sam", f"10.0.{n % 100}.66") for n in range(GUESSES))
    assert hashed == NAME_BURST
    assert not admitted(brake, "sam", "10.1.0.9")
    assert admitted(brake, "sam", "10.0.5.66", "a browser of sam's")
    assert admitted(brake, "sue", "10.1.0.9"), "another account"
    clock.now += NAME_REFILL_S
    assert not admitted(brake, "sam", "10.0.0.66"), "it failed: half of the bucket is not its"
    assert admitted(brake, "sam", "10.1.0.10")


def test_many_names_from_one_address_cost_little(brake: SignInBrake) -> None:
    hashed = sum(admitted(brake, f"name {n}", "10.0.0.66") for n in range(GUESSES))
    assert hashed == FREE_TRIES
    assert admitted(brake, "sam", "10.0.0.9")


def test_many_names_from_many_addresses_leave_the_reserve_to_newcomers(
    brake: SignInBrake, clock: Clock
) -> None:
    hashed = sum(admitted(brake, f"name {n}", f"10.0.0.{n % 20}") for n in range(GUESSES))
    assert hashed <= ALL_BURST / 2 + 20
    assert admitted(brake, "sam", "10.1.0.9")


def test_a_known_browser_has_tries_of_its_own_and_not_without_end(
    brake: SignInBrake, clock: Clock
) -> None:
    for _ in range(200):
        admitted(brake, "sam", "10.0.0.66")
    tries = [admitted(brake, "sam", "10.0.0.66", "stolen") for _ in range(DEVICE_TRIES + 5)]
    assert tries == [True] * DEVICE_TRIES + [False] * 5
    assert admitted(brake, "sam", "10.0.0.66", "another")
    clock.now += FORGET_AFTER + 1
    assert admitted(brake, "sam", "10.0.0.66", "stolen")


def test_signing_in_oneself_does_not_forgive_guesses_at_others(brake: SignInBrake) -> None:
    hashed = 0
    for _ in range(100):
        hashed += admitted(brake, "admin", "10.0.0.66")
        try:
            own = brake.admit("insider", "10.0.0.66", None)
        except ConsoleError:
            continue
        brake.take_back(own, hashed=True)
    assert hashed == FREE_TRIES


def test_who_signs_in_rightly_is_not_braked(brake: SignInBrake) -> None:
    for _ in range(int(ALL_BURST)):
        brake.take_back(brake.admit("sam", "10.0.0.9", None), hashed=True)
    assert not admitted(brake, "sam", "10.0.0.9"), "each cost a hash"
    assert admitted(brake, "sam", "10.0.0.9", "known")


def test_names_are_one_however_typed_and_memory_is_bounded(
    brake: SignInBrake, clock: Clock
) -> None:
    for name in ("SAM", " sam", "Sam ", "sAm") * 10:
        admitted(brake, name, "10.0.0.66")
    assert list(brake._names) == ["sam"]
    for n in range(MAX_NAMES + 9):
        clock.now += 61
        admitted(brake, f"{n}", f"10.{n >> 8}.{n & 255}.1")
    assert len(brake._names) == MAX_NAMES


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("10.0.0.9", "10.0.0.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.0.0.9", "10.0.0.9"),
        ("", ""),
    ],
)
def test_an_address_stands_for_who_can_choose_it(address: str, group: str) -> None:
    assert group_of(address) == group


# -- the cookie of a known browser


def test_the_cookie_is_of_this_box_this_account_and_not_for_ever(clock: Clock) -> None:
    devices = DeviceCookies(b"this box", clock)
    value = devices.issue("Sam")
    device = devices.known({cookie_name("sam"): value}, "sam")
    assert device is not None
    assert devices.known({cookie_name("sue"): value}, "sue") is None
    assert DeviceCookies(b"another", clock).known({cookie_name("sam"): value}, "sam") is None
    again = devices.issue("sam", device)
    assert devices.known({cookie_name("sam"): again}, "sam") == device
    assert devices.issue("sam") != devices.issue("sam")
    clock.now += LASTS_S + 1
    assert devices.known({cookie_name("sam"): value}, "sam") is None


@pytest.mark.parametrize(
    "value", ["", ".", "..", "a.b.c", "a.1.", "a.-1.x", "a.٣.x", "a.1.é", "a." + "9" * 99 + ".x"]
)
def test_what_was_not_signed_is_a_stranger_s(clock: Clock, value: str) -> None:
    assert DeviceCookies(b"this box", clock).known({cookie_name("sam"): value}, "sam") is None


# -- what is written down


async def test_refusals_are_summed_and_names_of_nobody_are_not_written() -> None:
    written: list[list[Entry]] = []
    fail = False

    async def append(*entries: Entry) -> None:
        if fail:
            raise StoreError("full")
        written.append(list(entries))

    async def known_as(name: str) -> str | None:
        return {"sam": "Sam"}.get(name)

    refused = RefusedSignIns(append, known_as)
    refused.add("sam", "10.0.0.66", "sign_in_refused")
    await refused.write()
    ((entry,),) = written
    assert (entry.actor, entry.action) == ("bargebox", "sign_in_refused")
    assert dict(entry.detail) == {
        "account": "Sam",
        "address": "10.0.0.66",
        "reason": "sign_in_refused",
        "count": 1,
    }
    fail = True
    for n in range(GUESSES):
        refused.add(f"hunter{n}", f"10.0.{n % 251}.66", "too_many_attempts")
        if n % 1000 == 0:
            await refused.write()  # the disk is full meanwhile
    assert len(refused._counts) == GROUPS + 1
    fail = False
    await refused.write()
    assert len(written[1]) == ROWS
    assert sum(int(str(entry.detail["count"])) for entry in written[1]) == GUESSES
    assert "hunter" not in str(written)
    await refused.write()
    assert len(written) == 2
