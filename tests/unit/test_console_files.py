"""What the browser is given: vendored, pinned, nothing inline, nothing from outside."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
from pathlib import Path

import httpx
import pytest
from jinja2 import UndefinedError

from appliance.console import wording
from appliance.console.language import read_languages
from appliance.console.page_files import PageFiles
from appliance.console.settings import ConsoleSettings
from appliance.console.state import make_templates
from appliance.control_link.words import LampPattern
from tests.support.console_memory import PASSWORD
from tests.support.console_world import World

WEB = ConsoleSettings().web_root
BROWSER_TESTS = Path(__file__).resolve().parents[1] / "browser" / "vendor"
PINS = {
    BROWSER_TESTS / "axe.min.js": (
        "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
        "axe-core 4.14.1",
        "axe.LICENSE",
    ),
}
MOST_BYTES = 100_000
MOST_SENT = 80_000
"""Of all pages together, compressed, as they are sent."""
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
PAGES = [
    path for path in TEMPLATES if re.search(r"extends \"(app|settings_page)", path.read_text())
]
SCRIPTS = sorted((WEB / "static/js").glob("*.js"))
STYLES = sorted((WEB / "static/css").glob("*.css"))


FILES = PageFiles(WEB / "static")


def _set(what: str, text: str) -> list[str]:
    """The names that a template gives its parts or styles."""
    found = re.findall(rf"set {what} = \[(.+?)\]", text)
    return [name for names in found for name in re.findall(r'"(\w+)"', names)]


async def test_a_page_has_one_script_and_one_sheet(client: httpx.AsyncClient) -> None:
    """And the script that is there before them."""
    await client.post("/api/v1/session", json={"user": "sam", "password": PASSWORD})
    page = (await client.get("/interactions")).text
    script, sheet = "page+list+watching.js", "base+toolbar+list.css"
    files = re.findall(r'(?:src|href)="/static/[^/"]+/(?:js|css)/([^"]+)"', page)
    assert files == [sheet, "early.js", script]
    for name, folder, whole in ((script, "js", "rows"), (sheet, "css", "list")):
        answer = await client.get(f"/static/{FILES.version}/{folder}/{name}")
        assert answer.headers["cache-control"] == "max-age=31536000, immutable"
        last = (WEB / "static" / folder / f"{whole}.{folder}").read_text().splitlines()[-2]
        assert last in answer.text
    for nobodys in ("js/page+list.js", "js/page+none.js", "css/list+base.css", "css/base+.css"):
        assert (await client.get(f"/static/{nobodys}")).status_code == 404


async def test_a_page_of_one_life_of_control_has_its_files_in_the_next(world: World) -> None:
    """The joined ones too, though nobody has asked the new one for a page."""
    found = []
    for path in ("/interactions", ""):
        transport = httpx.ASGITransport(await asyncio.to_thread(world.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://box") as client:
            await client.post("/api/v1/session", json={"user": "sam", "password": PASSWORD})
            if path:
                page = (await client.get(path)).text
                found = re.findall(r'(?:src|href)="(/static/[^"]+\.(?:js|css))"', page)
            assert [(await client.get(one)).status_code for one in found] == [200] * 3


@pytest.mark.parametrize("template", PAGES, ids=lambda path: path.stem)
def test_no_page_loads_more_than_it_may(template: Path) -> None:
    """Its scripts, its sheets and the scripts' texts in German, which are in the page."""
    text = template.read_text()
    scripts = {"early", *FILES.scripts.needed(_set("parts", text))}
    sheets = {"base", "toolbar", *_set("styles", text)}
    if "settings_page" in text:
        sheets.add("settings")
    files = [path for path in SCRIPTS if path.stem in scripts]
    files += [path for path in STYLES if path.stem in sheets]
    german = read_languages(WEB / "locale")["de"].of_scripts
    texts = json.dumps([german.get(name, {}) for name in scripts], ensure_ascii=False)
    assert sum(path.stat().st_size for path in files) + len(texts.encode()) <= MOST_BYTES


def test_all_that_the_page_is_made_of_is_small_on_the_line() -> None:
    files = [path for path in (WEB / "static").rglob("*") if path.is_file()]
    sent = {path.name: len(gzip.compress(path.read_bytes(), 6)) for path in files}
    assert sum(sent.values()) <= MOST_SENT, sorted(sent.items(), key=lambda item: -item[1])[:8]


async def test_a_file_is_sent_compressed_and_then_not_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/static/css/base.css")
    assert first.headers["content-encoding"] == "gzip"
    assert int(first.headers["content-length"]) < len(first.content) / 2
    again = await client.get(
        "/static/css/base.css", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    plain = await client.get("/static/css/base.css", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == first.content


async def test_a_page_s_files_are_kept_until_they_change(client: httpx.AsyncClient) -> None:
    """Each is at an address that is new when any of them is, so nobody has to ask."""
    page = (await client.get("/sign-in")).text
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(files) >= 3
    for path in files:
        kept = await client.get(path)
        assert kept.status_code == 200
        assert kept.headers["cache-control"] == "max-age=31536000, immutable"
        name = re.sub(r"^/static/v-[0-9a-f]{16}/", "", path)
        for other in (f"/static/{name}", f"/static/v-0123456789abcdef/{name}"):
            asked = await client.get(other)
            assert (asked.content, asked.headers["cache-control"]) == (kept.content, "no-cache")
    for wrong in ("/static/v-0123456789abcdef/", "/static/v-0123456789abcdef/../../none"):
        assert (await client.get(wrong)).status_code == 404


def test_the_version_is_of_every_name_and_byte(tmp_path: Path) -> None:
    seen = {PageFiles(tmp_path).version}
    for name, content in (("a", b"1"), ("a", b"2"), ("b", b""), ("c/d", b"2")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        assert PageFiles(tmp_path).version == PageFiles(tmp_path).version
        seen.add(PageFiles(tmp_path).version)
    assert len(seen) == 5


async def test_nothing_but_files_is_compressed(client: httpx.AsyncClient) -> None:
    page = await client.get("/sign-in")
    assert len(page.content) > 500
    assert "content-encoding" not in page.headers


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_vendored_files_are_what_was_chosen(path: Path) -> None:
    digest, what, licence = PINS[path]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, what
    assert path.with_name(licence).stat().st_size > 500


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_nothing_inline_and_nothing_unescaped(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", text)
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape" not in text
    for attributes in re.findall(r"<script([^>]*)>", text):
        assert "src=" in attributes or 'type="application/json"' in attributes


@pytest.mark.parametrize("path", [*TEMPLATES, *SCRIPTS, *STYLES], ids=lambda path: path.name)
def test_nothing_comes_from_outside(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_write_text_and_never_markup(path: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", path.read_text()
    )


def test_a_missing_value_in_a_template_is_an_error_and_not_a_gap() -> None:
    template = make_templates(ConsoleSettings(), FILES).from_string("{{ nothing }}")
    with pytest.raises(UndefinedError):
        template.render()


def test_every_lamp_pattern_has_words() -> None:
    assert set(wording.LAMPS) == set(LampPattern)
