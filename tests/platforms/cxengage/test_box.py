"""The whole box where the platform itself knows who we are: its account may be an agent too."""

from __future__ import annotations

from pathlib import Path

from tests.platforms.box import box_at, listening
from tests.platforms.cxengage.process import BOX
from tests.platforms.cxengage.site import cxengage_site
from tests.platforms.measured import goes_on, nothing_is_left


async def test_a_call_handed_to_the_boxs_own_account_goes_on_without_us(tmp_path: Path) -> None:
    """Removing an agent's resource would end the customer's call: only the media leg goes."""
    async with (
        cxengage_site(tmp_path) as site,
        box_at(site, tmp_path / "box") as box,
        listening(site, box) as at,
    ):
        await at.call.transfer(f"user-{BOX}")
        assert (await at.over())["reason"] == "own_call"
        await nothing_is_left(site)
        await goes_on(site, at.call)
        row = await at.person.get(f"/interactions/{at.call.id}")
        assert (row["monitorable"], row["not_monitorable_reason"]) == (False, "own_call")
        refused = await at.person.request("POST", f"/interactions/{at.call.id}/monitor")
        assert (refused.status_code, refused.json()["code"]) == (403, "own_call")
        await goes_on(site, at.call)
