"""The page in another language: nothing is missing, nothing is left in English."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextvars import copy_context
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from babel.messages.catalog import Catalog

from appliance.console import wording
from appliance.console.language import NAMES, read_languages, speak, wished
from appliance.console.menu import MENU
from appliance.console.page_files import PageFiles
from appliance.console.settings import ConsoleSettings
from appliance.console.state import make_templates
from appliance.control_link.quality import SessionQuality
from tests.support.accounts_world import accounts_world
from tests.support.console_memory import PASSWORD
from tests.texts.collect import OTHERS, collect, problems, read

WEB = ConsoleSettings().web_root
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
SPOKEN_ATTRIBUTES = ("aria-label", "title", "placeholder", "alt", "data-label", "label")
NAMES_OF_OURS = {
    *("Bargebox", "– Bargebox", "bargebox"),
    *("UTC", "· Mbit/s", "MOS", "-----BEGIN", "EC P-256", "RSA 3072", "MB", "https://"),
    *NAMES.values(),
}
NOT_IN_THIS_WORLD = 503
"""Answer of a page whose room the small world lacks; it is a page too."""
HTML = {"accept": "text/html"}


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_is_translated(code: str) -> None:
    """`make texts` puts new ones into the catalogue; their translation is written by hand."""
    found = problems(collect(), read(code))
    assert not found, "\n".join(["run `make texts` and edit web/locale:", *found])


def test_what_is_wrong_with_a_catalogue_is_said() -> None:
    wanted, kept = Catalog(), Catalog(locale="de")
    for text in ("gone {name}", "a guess", "kept %(name)s", "not there"):
        wanted.add(text)
    kept.add("gone {name}", "weg")
    kept.add("a guess", "geraten", flags=["fuzzy"])
    kept.add("kept %(name)s", "da %(name)s")
    kept.add("old", "alt")
    assert problems(wanted, kept) == [
        "other placeholders: 'gone {name}': 'weg'",
        "only a guess (fuzzy): 'a guess'",
        "no translation: 'not there'",
        "in no file any more: 'old'",
    ]


class Spoken(HTMLParser):
    """What a person reads or hears of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._silent += tag == "script"
        self.found += [value or "" for name, value in attributes if name in SPOKEN_ATTRIBUTES]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag == "script"

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)

    def texts(self) -> set[str]:
        return {" ".join(text.split()) for text in self.found} - {""}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_a_text_that_is_not_looked_up(path: Path) -> None:
    text = re.sub(
        r"{%-?\s*(trans|block body)\b.*?{%-?\s*end\w+\s*-?%}", "", path.read_text(), flags=re.S
    )
    plain = re.sub(r"{#.*?#}|{{.*?}}|{%.*?%}", " ", text, flags=re.S)
    left = {text for text in Spoken(plain).texts() if re.search("[A-Za-z]{2}", text)}
    assert left <= NAMES_OF_OURS, f'write {{{{ _("…") }}}} around {left - NAMES_OF_OURS}'


@pytest.fixture
async def german(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator's browser that asks for German."""
    async with accounts_world(tmp_path) as box, box.client() as client:
        client.headers["Accept-Language"] = "de-AT,en;q=0.5"
        await box.app.state.console.ports.certificates.begin()
        person = {"user": "admin", "password": PASSWORD}
        assert (await client.post("/api/v1/session", json=person)).is_success
        yield client


def _different() -> set[str]:
    """English texts that are others in German."""
    return {
        message.id
        for message in read("de")
        if isinstance(message.id, str) and message.id and message.id != message.string
    } - {message.string for message in read("de")}


@pytest.mark.parametrize("path", ["/none", *(item.path for item in MENU)])
async def test_no_page_has_an_english_text_left(german: httpx.AsyncClient, path: str) -> None:
    page = await german.get(path, headers=HTML)
    assert page.status_code in ((404,) if path == "/none" else (200, NOT_IN_THIS_WORLD))
    assert '<html lang="de">' in page.text
    texts = Spoken(page.text).texts()
    assert len(texts) > 3
    left = texts & _different()
    assert not left


async def test_the_door_speaks_german_too(client: httpx.AsyncClient) -> None:
    page = await client.get("/sign-in", headers={"Accept-Language": "de"})
    assert not Spoken(page.text).texts() & _different()
    assert "Anmelden" in page.text


async def test_the_menu_s_choice_goes_before_the_browser_s_wish(german: httpx.AsyncClient) -> None:
    german.cookies.set("bargebox_language", "en")
    assert '<html lang="en">' in (await german.get("/interactions", headers=HTML)).text
    german.cookies.set("bargebox_language", "xx")
    assert '<html lang="de">' in (await german.get("/interactions", headers=HTML)).text


async def test_one_visitor_s_language_is_not_the_next_one_s(
    german: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    await german.get("/panel", headers=HTML)
    assert "Sign in" in (await client.get("/sign-in")).text


async def test_the_api_speaks_english_and_tells_the_page_in_its_language(
    german: httpx.AsyncClient,
) -> None:
    path = "/api/v1/monitoring/microphone"
    plain = await german.put(path, json={"muted": True}, headers={"X-Bargebox": "1"})
    assert plain.json().keys() == {"code", "detail"}
    told = await german.put(path, json={"muted": True}, headers={"X-Bargebox": "de"})
    assert told.json()["detail"] == plain.json()["detail"]
    assert told.json()["told"]["detail"] == "Gerade wird in kein Gespräch hineingehört."


async def test_what_is_wrong_with_a_value_is_told_with_its_numbers(
    german: httpx.AsyncClient,
) -> None:
    answer = await german.put(
        "/api/v1/device/volume", json={"percent": 200}, headers={"X-Bargebox": "de"}
    )
    assert answer.json()["fields"] == {"percent": "This must be 100 or less."}
    assert answer.json()["told"]["fields"] == {"percent": "Das muss 100 oder weniger sein."}


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        (None, "", "en"),
        (None, "de-CH", "de"),
        (None, "fr,de;q=0.3,en;q=0.2", "de"),
        (None, "en-US,de;q=0.9", "en"),
        (None, "de;q=0,en;q=0.1", "en"),
        (None, "de;q=much,*", "en"),
        (None, ";;;,,=,de;q", "en"),
        (None, "xx," * 4000 + "de", "en"),
        ("de", "en", "de"),
        ("../de", "en", "en"),
    ],
)
def test_which_language_somebody_wishes(cookie: str | None, header: str, language: str) -> None:
    assert wished(cookie, header) == language


def rendered(source: str, code: str = "en", **values: object) -> str:
    def render() -> str:
        speak(read_languages(WEB / "locale")[code])
        return (
            make_templates(ConsoleSettings(), PageFiles(ConsoleSettings().web_root / "static"))
            .from_string(source)
            .render(**values)
        )

    return copy_context().run(render)


@pytest.mark.parametrize("code", NAMES)
def test_only_texts_of_the_code_are_taken_for_markup(code: str) -> None:
    said = "<b>100 %</b> %(x)s"
    assert rendered("{{ _(said) }}", code, said=said) == "&lt;b&gt;100 %&lt;/b&gt; %(x)s"
    source = (WEB / "templates/_platform.html").read_text()
    known = re.findall(r"{% trans title %}.+?{% endtrans %}", source)[1]
    filled = rendered(known, code, title="<i>")
    assert "<strong>&lt;i&gt;</strong>" in filled
    assert ("Was Sie hier speichern" in filled) == (code == "de")


def test_numbers_are_written_as_the_language_does() -> None:
    assert rendered("{{ sound }}", "de", sound=_Sound()) == "MOS 4,2 · 0,3 % verloren"


class _Sound:
    """Says itself when it is rendered."""

    def __str__(self) -> str:
        return wording.sound(SessionQuality(mos=4.16, lost_percent=0.28))


def test_languages_are_read_with_the_texts_of_each_script() -> None:
    german = read_languages(WEB / "locale")["de"]
    assert german.of_scripts["list"]["Joining…"] == "Beitreten…"
    assert german.of("This must be 7 or more.") == "Das muss 7 oder mehr sein."
    assert german.of("what nobody wrote") is None


def test_what_a_stranger_may_choose_the_length_of_is_looked_up_in_no_time() -> None:
    """Gaps are matched by backtracking, and a sender's own words may stand in an error's; without
    the limit this runs for hours.
    """
    german = read_languages(WEB / "locale")["de"]
    for text, _ in german.with_gaps:
        literal = re.sub(r"\(\?P<\w+>\.\+\)", " ", text.pattern).replace("\\", "")
        assert german.of(literal * 2000 + "\n") is None
    assert not any("Sound of the call" in pattern.pattern for pattern, _ in german.with_gaps)
