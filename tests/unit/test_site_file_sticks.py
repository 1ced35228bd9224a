"""A document of settings on a USB stick: for a box that nobody has, and it harms none."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from appliance.provisioning.first_start import rows
from appliance.provisioning.first_start.steps import State, Step
from tests.support.site_box import PASSWORD, SiteBox, put_beside


@pytest.fixture
def box(tmp_path: Path) -> SiteBox:
    return SiteBox(tmp_path)


async def test_a_stick_is_taken_up_until_the_administrator_has_a_password(box: SiteBox) -> None:
    stick = box.media / "STICK"
    box.put(f'[administrator]\npassword = "{PASSWORD}"\n', stick)
    assert await box.start()
    await box.finish()
    other = box.put('[administrator]\npassword = "of a passer-by"\n', box.media / "OTHER")
    assert not await box.start()
    assert "This box is in service" in box.report(other.parent)
    assert "of a passer-by" in other.read_text()
    box.put("[site]\nbarge_limit_s = 60\n")
    assert await box.start()  # the boot partition is the box's own


async def test_what_lies_on_another_stick_meanwhile_is_left_alone(
    box: SiteBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = box.media / "STICK"
    stick.mkdir()
    put_beside(stick)
    text = f'[administrator]\npassword = "{PASSWORD}"\n[certificate]\n'
    text += 'pem = { file = "page.pem" }\nkey = { file = "page.key" }\n'
    box.put(text, stick)

    def pulled_out(path: Path, text: str) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("appliance.provisioning.site_file.clearing.rewrite", pulled_out)
        assert await box.start()
    stick.rename(box.media / "pulled out")
    box.put("[site]\nbarge_limit_s = 60\n", stick)
    for name in ("page.pem", "page.key"):
        (stick / name).write_text("somebody else's")
    await box.finish()
    assert {(stick / name).read_text() for name in ("page.pem", "page.key")} == {"somebody else's"}
    assert "COULD NOT BE ERASED" in box.report(stick)


@pytest.mark.parametrize("what", ["huge", "link", "folder"])
async def test_a_stick_cannot_bring_a_report_that_harms_the_box(box: SiteBox, what: str) -> None:
    stick, aim = box.media / "STICK", box.folder / "aim"
    aim.write_text("the box's own")
    box.put("[site]\nbarge_limit_s = -1\n", stick)
    report = stick / "bargebox-report.txt"
    if what == "huge":
        with report.open("wb") as file:
            file.truncate(1 << 42)  # it has holes; whoever reads it whole has no memory left
    elif what == "link":
        report.symlink_to(aim)
        (stick / "bargebox-report.txt.new").symlink_to(aim)
    else:
        report.mkdir()
    assert not await box.start()
    assert aim.read_text() == "the box's own"
    if what != "folder":
        assert "REFUSED" in report.read_text()
        assert not report.is_symlink()


async def test_a_reset_password_of_the_administrator_opens_the_box_to_no_stick(
    box: SiteBox,
) -> None:
    box.put(f'[administrator]\npassword = "{PASSWORD}"\n')
    assert await box.start()
    await box.finish()
    await asyncio.to_thread(_reset_later, box)
    stick = box.put('[administrator]\npassword = "of a passer-by"\n', box.media / "STICK").parent
    assert not await box.start()
    assert "This box is in service" in box.report(stick)


def _reset_later(box: SiteBox) -> None:
    database = sqlite3.connect(box.state / "bargebox.sqlite3")
    with database:
        rows.write(database, Step.PASSWORD, State.DONE)
        database.execute("UPDATE accounts SET must_change = 1 WHERE name = 'admin'")
    database.close()
