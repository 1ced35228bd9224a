"""``bargebox audit``: what it says, how it ends, and that it needs no running box."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.audit_head import public_key
from appliance.monitoring.audit_seal import head_file, key_file, read_key
from appliance.monitoring.store import Store
from tests.support.audit_log import edit, exported, written
from tests.support.console_served import served
from tests.support.console_world import make_world

ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    state.mkdir()
    file = state / "bargebox.sqlite3"
    asyncio.run(written(file, *(Entry("ann", f"act {number}") for number in range(5))))
    return file


@pytest.fixture
def export(database: Path, tmp_path: Path) -> Path:
    return asyncio.run(exported(database, tmp_path / "log.ndjson"))


def test_a_whole_log_is_found_by_the_box_s_settings(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "bargebox.toml"
    settings.write_text(f'[box]\nstate_dir = "{database.parent}"\n')
    assert main(["audit", "verify", "--settings", str(settings)]) == 0
    said = capsys.readouterr().out
    assert f"Whole: {database} has 5 rows, all as they were written." in said
    assert "It ends with row 5, hash " in said
    assert f"Signed with the key {public_key(read_key(database))}." in said
    assert "Compare the key" not in said


def test_faults_are_said_row_by_row(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(database, "UPDATE audit SET actor = 'eve' WHERE seq = 2; DELETE FROM audit WHERE seq = 5")
    assert main(["audit", "verify", "--database", str(database)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"NOT AS IT WAS WRITTEN: {database}, 4 rows."
    assert said[1] == "  Row 2 was changed after it was written."
    assert said[2].startswith("  Row 5 is missing: the signed head of ")


def test_an_export_is_checked_on_its_own(
    database: Path, export: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = public_key(read_key(database))
    shutil.rmtree(database.parent)
    assert main(["audit", "verify", "--export", str(export)]) == 0
    assert "Compare the key" in capsys.readouterr().out
    assert main(["audit", "verify", "--export", str(export), "--key", key.upper()]) == 0
    assert "Compare the key" not in capsys.readouterr().out
    assert main(["audit", "verify", "--export", str(export), "--key", "ab" * 32]) == 1
    assert f"A head was signed with the key {key}" in capsys.readouterr().out
    export.write_bytes(export.read_bytes().replace(b"act 3", b"act 7"))
    assert main(["audit", "verify", "--export", str(export)]) == 1
    assert "Row 4 was changed after it was written." in capsys.readouterr().out


def test_heads_from_elsewhere_count(
    database: Path, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(written(database, Entry("ann", "act 5")))
    heads = tmp_path / "heads"
    heads.write_text(f"noise\n{export.read_text()}older: {head_file(database).read_text()}")
    ask = ["audit", "verify", "--database", str(database), "--heads", str(heads)]
    assert main(ask) == 0
    assert main(["audit", "verify", "--export", str(export), "--heads", str(heads)]) == 1
    assert "Row 6 is missing: an earlier signed head names" in capsys.readouterr().out
    heads.write_text("nothing of the kind\n")
    assert main(ask) == 66
    heads.write_text('{"audit_head":{"seq":1}}\n')
    assert main(ask) == 66


def test_a_log_that_was_cut_because_of_its_age_says_so(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def cut() -> None:
        store = await Store.open(database)
        audit = Audit(store)
        late = datetime(2099, 1, 1, tzinfo=UTC)
        await audit.append(*(Entry("ann", "late", at=late + timedelta(days=d)) for d in (0, 9)))
        assert await audit.cut(datetime(2098, 1, 1, tzinfo=UTC)) == 5
        await store.close()

    asyncio.run(cut())
    assert main(["audit", "verify", "--database", str(database)]) == 0
    assert "were removed because of their age" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--database", "nowhere.sqlite3"], "There is no such file"),
        (["--export", "nowhere.ndjson"], "No such file"),
        (["--database", "log.ndjson"], "not a database"),
        (["--export", "log.ndjson", "--heads", "nowhere"], "No such file"),
    ],
)
def test_what_cannot_be_read_is_said_and_ends_with_66(
    export: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(export.parent)
    assert main(["audit", "verify", *arguments]) == 66
    assert words in capsys.readouterr().err


def test_a_damaged_key_is_said(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key_file(database).write_text("x")
    assert main(["audit", "verify", "--database", str(database)]) == 1
    assert "holds no key" in capsys.readouterr().err


def test_an_export_of_a_box_that_does_not_run(
    database: Path, export: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.ndjson"
    ask = ["audit", "export", "--database", str(database)]
    assert main([*ask, "--output", str(output)]) == 0
    assert output.read_bytes() == export.read_bytes()
    assert output.stat().st_mode & 0o777 == 0o600
    assert capfd.readouterr().out == f"Exported to {output}.\n"
    assert main(ask) == 0
    assert capfd.readouterr().out == export.read_text()
    assert main([*ask, "--output", str(tmp_path / "none" / "out")]) == 1
    assert "cannot be written" in capfd.readouterr().err


def test_an_export_of_a_running_box(tmp_path: Path) -> None:
    output = tmp_path / "out.ndjson"
    with served(make_world(0)) as server:
        access = ["--url", server.url, "--token", "token-admin"]
        assert main(["audit", "export", "--output", str(output), *access]) == 0
        refused = ["--url", server.url, "--token", "token-tom"]
        assert main(["audit", "export", "--output", str(tmp_path / "no"), *refused]) == 1
    assert main(["audit", "verify", "--export", str(output)]) == 0
    assert '"action":"audit_exported"' in output.read_text().splitlines()[-2]
    assert not (tmp_path / "no").exists()


def test_it_works_beside_the_running_box(database: Path) -> None:
    """While rows are being written, and from another process."""

    async def write_on() -> list[int]:
        store = await Store.open(database)
        audit, codes = Audit(store), []
        for _ in range(3):
            checking = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "appliance.cli", "audit", "verify"),
                *("--database", str(database)),
                cwd=ROOT,
                stdout=asyncio.subprocess.DEVNULL,
            )
            ended = asyncio.ensure_future(checking.wait())
            while not ended.done():
                await audit.append(Entry("ann", "meanwhile"))
            codes.append(ended.result())
        await store.close()
        return codes

    assert asyncio.run(write_on()) == [0, 0, 0]


def test_the_check_in_the_document_works(export: Path) -> None:
    text = (ROOT / "docs/audit.md").read_text()
    (script,) = re.findall(r"(?s)<<'EOF'\n(.*?)\nEOF", text)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-", export], input=script, text=True, capture_output=True, check=False
        )

    assert run().stdout.startswith("whole; signed with ")
    export.write_text(export.read_text().replace("act 2", "act 9"))
    assert run().stderr == "row 3 is not as it was written\n"
