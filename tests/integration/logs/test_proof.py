"""What a real syslog server received proves the audit log, from one life of the box to the next."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.platforms import trust
from tests.support.log_box import Box, by, heads, log, texts, until
from tests.support.log_server import LogServer


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_rows_and_heads_arrive_and_prove_the_log(
    box: Box, server: LogServer, transport: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trust.believe_too(server.site.pem)
    await box.logs.begin()
    await box.logs.change("tom", by(server, transport))
    await until(lambda: heads(server, 2) > 0)
    await box.write("monitor", "mute")
    log.warning("the headset is gone, said +491701234567, password=hunter22")
    await until(lambda: heads(server, 4) > 0 and "the headset is gone" in str(texts(server)))
    state = box.logs.state
    assert (state.connected, state.detail, state.dropped) == (True, "", 0)

    rows = list(await asyncio.to_thread(lambda: server.received))
    priorities = {row[5]: row[0] for row in rows}
    assert priorities["audit_head"] == str(16 * 8 + 5)
    assert {row[2] for row in rows} == {"desk-7"}
    (head,) = {row[3] for row in rows if row[5] == "audit_head"}
    assert head == "bargebox-audit"
    numbers = [int(row[6].split('"')[1]) for row in rows]
    assert numbers == list(range(1, len(rows) + 1))  # none is missing, none twice
    told = await asyncio.to_thread(texts, server, "audit_row")
    assert [row.split('"seq":')[1].split("}")[0].split(",")[0] for row in told] == ["3", "4"]
    everything = await asyncio.to_thread(server.file.read_text)
    assert "491701234567" not in everything
    assert "hunter22" not in everything
    assert "said #" in everything

    check = ["audit", "verify", "--database", str(box.folder / "bargebox.sqlite3")]
    marks = ["--heads", str(server.file)]
    assert await asyncio.to_thread(main, [*check, *marks]) == 0
    assert "Whole" in capsys.readouterr().out


async def test_heads_that_arrived_convict_a_log_that_was_cut(
    box: Box, server: LogServer, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("bargebox.sqlite3", "bargebox-audit.head", "bargebox-audit.key")
    # All files together, as they were at some moment: only what had left the box tells.
    await box.audit.append()
    old = {name: (box.folder / name).read_bytes() for name in names[1:]}
    copy = box.folder / "old"
    copy.mkdir()
    await asyncio.to_thread(_backup, box.folder / names[0], copy / names[0])
    await box.logs.begin()
    await box.logs.change("tom", by(server, "tcp", lines="none"))
    await box.write("monitor")
    await until(lambda: heads(server, 3) > 0)
    for name, data in old.items():
        (copy / name).write_bytes(data)
    check = ["audit", "verify", "--database", str(copy / names[0])]
    assert await asyncio.to_thread(main, check) == 0
    capsys.readouterr()
    assert await asyncio.to_thread(main, [*check, "--heads", str(server.file)]) == 1
    assert "NOT AS IT WAS WRITTEN" in capsys.readouterr().out


def _backup(database: Path, to: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)


async def test_rows_from_the_choice_on_are_told_whenever_the_server_comes(
    box: Box, server: LogServer
) -> None:
    await asyncio.to_thread(server.stop)
    await box.logs.begin()
    await box.logs.change("tom", by(server, "tcp", lines="none"))
    await until(lambda: bool(box.logs.state.detail))
    await box.write("monitor")
    await box.logs.stop()
    box.logs = box.forwarder()
    await box.logs.begin()
    await asyncio.to_thread(server.start)
    await until(lambda: heads(server, 3) > 0)
    (row,) = await asyncio.to_thread(texts, server, "audit_row")
    assert '"seq":3' in row


async def test_the_next_life_goes_on_where_the_former_one_was(box: Box, server: LogServer) -> None:
    await box.logs.begin()
    await box.logs.change("tom", by(server, "tcp", lines="none"))
    await until(lambda: heads(server, 2) > 0)
    await box.logs.stop()
    await box.write("monitor")
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.file.unlink, missing_ok=True)
    await asyncio.to_thread(server.start)
    box.logs = box.forwarder()
    await box.logs.begin()
    await until(lambda: heads(server, 3) > 0)
    (row,) = await asyncio.to_thread(texts, server, "audit_row")
    assert '"seq":3' in row
