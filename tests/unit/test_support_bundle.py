"""The support bundle: what is in it, what is not, and that it ends."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from appliance.control_link.states import HeadsetState
from appliance.monitoring.store import StoreError
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.health.monitor import HealthMonitor
from appliance.provisioning.support import bundle as bundle_module
from appliance.provisioning.support.bundle import BundleError, Sources, SupportBundle
from appliance.settings import parse
from tests.support.health_box import HealthBox, health_box
from tests.support.planted import PLATFORM, forms, leaks, opened

TOKEN = "the-command-line-s-token-of-43-characters"
ICE = "ice-credential-17"
FIRST = "ab12-cd34-ef56-9a8b"
DOT1X = "dot1x pass phrase"
TLS = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIB"
SECRETS = [PLATFORM, TOKEN, ICE, FIRST, DOT1X, TLS]
FILES = [
    *("README.txt", "settings.json", "platform.json", "health.json", "device.json"),
    *("metrics.txt", "machine.txt", "packages.txt", "network.txt", "units.txt", "log.txt"),
]


def told_everywhere() -> list[str]:
    """A log into which each secret came, in each form."""
    return [f"line {form} end\n" for secret in SECRETS for form in forms(secret)]


Make = Callable[..., SupportBundle]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[HealthBox]:
    async with health_box(tmp_path, settings_fault="leg.volume is no number.") as here:
        headset = HeadsetState(present=True, name=f"Jabra {PLATFORM}")
        here.told.device = replace(here.told.device, headset=headset)
        yield here


@pytest.fixture
def make(here: HealthBox, tmp_path: Path) -> Make:
    (tmp_path / "first-password").write_text(f"{FIRST}\n")
    (tmp_path / "dot1x-password").write_text(f"{DOT1X}\n")
    (tmp_path / "tls-key.pem").write_text(
        f"-----BEGIN PRIVATE KEY-----\n{TLS}\n-----END PRIVATE KEY-----\n"
    )
    settings = parse(
        f'[[monitoring.ice_servers]]\nurls = ["turn:t.example.org"]\ncredential = "{ICE}"\n', "x"
    )
    chosen = PlatformSettings(driver="janus", janus=JanusSettings(api_secret=SecretStr(PLATFORM)))
    health = HealthMonitor(here.box, here.audit)

    def make(journal: Callable[[], Iterable[str]] = told_everywhere) -> SupportBundle:
        return SupportBundle(
            Sources(
                settings=settings,
                platform=lambda: chosen,
                secrets=lambda: [TOKEN],
                folders=(tmp_path,),
                device=here.box.device,
                connection=here.box.connection,
                health=health,
                audit=here.audit,
                journal=journal,
                root=tmp_path,
            )
        )

    return make


async def taken(support: SupportBundle, figures: str = "bargebox_sessions_total 3\n") -> bytes:
    return b"".join([part async for part in await support.make("tom", figures)])


async def test_it_has_what_helps_and_no_secret(
    here: HealthBox, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    support = make()
    await support._sources.health.look()
    data = await taken(support, f"bargebox_x 1\n# {TOKEN}\n")
    files = opened(data)
    assert list(files) == FILES
    for name, text in files.items():
        assert leaks(text, SECRETS) == [], name
    assert leaks(data.decode("latin-1"), SECRETS) == []
    assert leaks(caplog.text, SECRETS) == []
    assert json.loads(files["platform.json"])["janus"]["api_secret"] == "***"
    assert json.loads(files["settings.json"])["monitoring"]["ice_servers"][0]["credential"] == "***"
    (finding,) = json.loads(files["health.json"])
    assert finding["code"] == "settings_refused"
    assert json.loads(files["device.json"])["device"]["headset"]["name"] == "Jabra ***"
    assert "kernel: Linux" in files["machine.txt"]
    assert "board: not available" in files["machine.txt"]
    assert "pydantic " in files["packages.txt"]
    assert files["log.txt"].count("\n") == len(told_everywhere())
    (row,) = (await here.audit.search()).rows
    assert (row.actor, row.action) == ("tom", "support_bundle")


async def test_a_log_names_no_customer(make: Make) -> None:
    support = make(lambda: ["joined the call of +4930123456\n"])
    assert opened(await taken(support))["log.txt"] == "joined the call of #\n"


async def test_what_cannot_be_had_says_why_and_the_rest_comes(make: Make) -> None:
    def denied() -> Iterable[str]:
        raise PermissionError(13, "Permission denied")

    files = opened(await taken(make(denied)))
    assert files["log.txt"] == "not available: [Errno 13] Permission denied\n"
    assert list(files) == FILES


async def test_what_hangs_is_left_out(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "PART_LIMIT_S", 0.3)

    def hang() -> Iterable[str]:
        time.sleep(1.0)
        return []

    assert opened(await taken(make(hang)))["log.txt"] == "not available: it took too long\n"


async def test_its_size_is_bounded_and_the_end_is_kept(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_module, "MAX_PART", 1000)
    files = opened(await taken(make(lambda: (f"line {n}\n" for n in range(100_000)))))
    assert len(files["log.txt"]) <= 1000
    assert files["log.txt"].endswith("line 99999\n")


async def test_it_comes_in_pieces_and_one_at_a_time(make: Make) -> None:
    support = make()
    first = await support.make("tom", "")
    pieces = [await anext(first)]
    with pytest.raises(BundleError) as refused:
        await support.make("tom", "")
    assert refused.value.code == "busy"
    pieces += [piece async for piece in first]
    assert len(pieces) == len(FILES) + 1
    assert list(opened(b"".join(pieces))) == FILES
    assert await taken(support)


async def test_one_that_nobody_reads_is_in_nobody_s_way(make: Make) -> None:
    support = make()
    await support.make("tom", "")  # never begun: the client had gone
    begun = await support.make("tom", "")
    await anext(begun)
    await begun.aclose()  # type: ignore[attr-defined]
    assert await taken(support)


async def test_without_a_record_there_is_none(
    make: Make, here: HealthBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*entries: object) -> None:
        raise StoreError("The disk is full.", code="audit_unwritable")

    monkeypatch.setattr(here.audit, "append", full)
    with pytest.raises(StoreError):
        await make().make("tom", "")


async def test_a_long_log_takes_no_minute(make: Make) -> None:
    words = "nothing of interest in this line, as in most lines of a log"
    lines = [f"{n} {words}\n" for n in range(4000)]
    begun = time.monotonic()
    await taken(make(lambda: lines))
    assert time.monotonic() - begun < 20
