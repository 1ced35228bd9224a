"""The house itself: locked dependencies, no trace of the machine it was built on, its commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = (
    "requirements-build.lock",
    "requirements.lock",
    "requirements-test.lock",
    "requirements-fuzz.lock",
    "requirements-bench.lock",
)
APT_FILES = ("", ".conf", ".list", ".sources")
CONFIGURED = ("config", "list")
OPTIONS = ("install", "--help")
TOOLS = (
    "bash", "cat", "cut", "dirname", "env", "flock", "grep", "mkdir", "printf", "sed",
    "sha256sum", "sort", "tail",
)  # fmt: skip
COMMANDS = ("demo", "test", "lint", "unit", "integration", "browser", "bench", "lock", "clean")

with (ROOT / "pyproject.toml").open("rb") as file:
    PROJECT: dict[str, Any] = tomllib.load(file)


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, **options
    )


def locked(lock: str) -> dict[str, set[str]]:
    """The versions that *lock* holds, by name; several where the Python version decides."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text()):
        versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


def tracked() -> list[Path]:
    """Every file that git has or would take."""
    listed = run(
        "git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def machine_hosts() -> set[str]:
    """The hosts that this machine's apt, pip and uv are set to, pip's own default included."""
    variables = [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))]
    pip = [run(sys.executable, "-m", "pip", *said).stdout for said in (CONFIGURED, OPTIONS)]
    files = [path for path in Path("/etc/apt").rglob("*") if path.suffix in APT_FILES]
    apt = [path.read_text() for path in files if path.is_file() and os.access(path, os.R_OK)]
    settings = re.sub(r"(?m)^\s*(#|//).*", "", "\n".join([*variables, *pip, *apt]))
    hosts = re.findall(r"https?://(?:[^/\s@]*@)?([\w-]+(?:\.[\w-]+)+)", settings)
    return {host for host in hosts if not host.startswith("127.")}


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements-build.lock", PROJECT["build-system"]["requires"]),
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-test.lock", PROJECT["project"]["dependencies"]),
        ("requirements-test.lock", PROJECT["project"]["optional-dependencies"]["test"]),
        ("requirements-fuzz.lock", PROJECT["project"]["optional-dependencies"]["fuzz"]),
        ("requirements-bench.lock", PROJECT["project"]["optional-dependencies"]["bench"]),
    ],
)
def test_every_dependency_is_locked_to_a_version_that_fits(lock: str, wanted: list[str]) -> None:
    held = locked(lock)
    for line in wanted:
        requirement = Requirement(line)
        versions = held.get(canonicalize_name(requirement.name), set())
        assert versions, f"{lock} lacks {requirement.name}: run make lock"
        assert all(requirement.specifier.contains(version) for version in versions), line


def test_the_locks_agree() -> None:
    for smaller, larger in pairwise(LOCKS):
        held = locked(larger)
        for name, versions in locked(smaller).items():
            assert versions == held.get(name, versions), f"{name} in {smaller} and {larger}"
    assert locked("requirements.lock").items() <= locked("requirements-test.lock").items()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"(?m)^\s*-(?!-hash)|://|file:|@ ", text)
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[\w.-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_no_file_names_this_machine_s_mirrors_or_folders() -> None:
    hosts = machine_hosts()
    assert hosts
    names = "|".join(re.escape(host) for host in sorted(hosts))
    # A clone at the top of the file system has too common a path to look for.
    places = [ROOT] if len(ROOT.parts) > 2 else []
    folders = "|".join(re.escape(f"{place}/") for place in [*places, Path.home()])
    trace = re.compile(rf"(?<![\w.-])(?:(?:{names})(?![\w-])|{folders})|/home/\w".encode())
    found = {
        f"{path.relative_to(ROOT)}: {match.group().decode()}"
        for path in tracked()
        for match in trace.finditer(path.read_bytes())
    }
    assert not found


def test_help_explains_every_command() -> None:
    explained = run("make", "help").stdout
    assert run("make").stdout == explained
    for command in COMMANDS:
        assert re.search(rf"(?m)^  make {command} +\S", explained), command


def test_make_runs_what_outside_scripts_rely_on() -> None:
    demo = run("make", "--dry-run", "demo", "ARGS=--ready-file FILE").stdout
    assert "tools/setup demo" in demo
    assert "bargebox demo --ready-file FILE" in demo
    tests = run("make", "--dry-run", "test").stdout.splitlines()
    assert tests[0] == "tools/setup test"
    runs = [line.partition("-m pytest ")[2].split() for line in tests if "-m pytest" in line]
    folders = {word for words in runs for word in words if word.startswith("tests/")}
    assert folders == {
        str(path.parent.relative_to(ROOT))
        for path in ROOT.glob("tests/*/__init__.py")
        if any(path.parent.rglob("test_*.py"))
    }


def test_continuous_integration_runs_the_tests() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert re.search(r"(?m)^make test\b", (ROOT / ".ci/run").read_text())


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A copy of the set-up script on a machine with nothing installed and nobody to ask."""
    place = tmp_path / "clone"
    (place / "tools").mkdir(parents=True)
    for name in ("tools/setup", "tools/asterisk", "pyproject.toml", *LOCKS):
        (place / name).write_bytes((ROOT / name).read_bytes())
    (place / "tools/setup").chmod(0o755)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    for tool, answer in {"id": "echo 1000", "dpkg-query": "echo 'ii  gcc'"}.items():
        (tools / tool).write_text(f"#!/bin/sh\n{answer}\n")
        (tools / tool).chmod(0o755)
    return place


def test_set_up_without_rights_says_what_to_install(stranger: Path) -> None:
    said = run(stranger / "tools/setup", "demo", env={"PATH": str(stranger.parent / "bin")})
    assert said.returncode == 1
    (line,) = (line for line in said.stderr.splitlines() if "apt-get install" in line)
    assert "python3-venv" in line
    assert "chromium" not in line
    assert not re.search(r"\bgcc\b", line)


def test_set_up_with_a_failing_mirror_says_what_to_do(stranger: Path) -> None:
    sudo = stranger.parent / "bin/sudo"
    sudo.write_text("#!/bin/sh\necho E: no mirror answers; exit 100\n")
    sudo.chmod(0o755)
    said = run(stranger / "tools/setup", "test", env={"PATH": str(sudo.parent)})
    assert said.returncode == 1
    assert "E: no mirror answers" in said.stderr
    assert "Check the network" in said.stderr
    assert "chromium" in said.stdout


def test_set_up_wants_to_know_for_what() -> None:
    assert run("tools/setup").returncode == 2
