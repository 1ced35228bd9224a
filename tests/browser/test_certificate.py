"""The page of the certificate: shown, asked for, uploaded, given back; authorities too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.platforms import trust
from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, sign_in
from tests.support.certificate_site import SiteAuthority, openssl
from tests.support.console_served import Served, served
from tests.support.console_world import World

PAGE = "/settings/certificate"


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    yield
    trust.believe_too("")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SiteAuthority:
    return SiteAuthority(tmp_path_factory.mktemp("site"))


@pytest.fixture
def here(page: Page) -> Page:
    """The page, before a technician."""
    sign_in(page, "tom")
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Certificate").click()
    expect(page.get_by_role("heading", name="Certificate", exact=True)).to_be_visible()
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    return page


def told(page: Page, words: str) -> None:
    """The page is there anew and says so; its scripts have come, so that buttons work."""
    expect(page.get_by_text(words)).to_be_visible()
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")


def upload(page: Page) -> None:
    page.get_by_role("button", name="Upload and use").press("Enter")


def test_a_request_is_made_downloaded_signed_and_uploaded(
    here: Page, server: Served, site: SiteAuthority, tmp_path: Path
) -> None:
    expect(here.get_by_text("itself, so browsers warn of it once")).to_be_visible()
    fingerprint = server.world.certificates.now.facts.fingerprint
    expect(here.get_by_text(fingerprint)).to_be_visible()
    names = here.get_by_label("Names")
    expect(names).to_have_value("box.local")
    names.fill("https://box7.site")
    here.get_by_role("button", name="Make a request").press("Enter")
    expect(names).to_be_focused()
    expect(names).to_have_accessible_description(re.compile("is no host name and no address"))
    names.fill("box7.site, box\n192.0.2.7")
    here.get_by_role("button", name="Make a request").press("Enter")
    told(here, "The request is made.")
    expect(here.get_by_text("A request for box7.site, box, 192.0.2.7 is open.")).to_be_visible()
    with here.expect_download() as awaited:
        here.get_by_role("link", name="Download the request").click()
    assert awaited.value.suggested_filename == "bargebox.csr"
    request = Path(awaited.value.path()).read_text()
    here.get_by_text("Show the request").click()
    expect(here.get_by_role("region", name="The request")).to_have_text(request)
    signed = tmp_path / "signed.cer"
    signed.write_bytes(openssl("x509", "-outform", "DER", given=site.sign(request).encode()))
    here.get_by_label("Certificate", exact=True).set_input_files([signed])
    upload(here)
    told(here, "Uploaded. New connections get this certificate")
    expect(here.get_by_text("CN=site root")).to_be_visible()
    assert server.world.certificates.now.facts.names == ("box7.site", "box", "192.0.2.7")
    back = here.get_by_role("button", name="Use the box’s own")
    back.click()
    expect(here.get_by_role("dialog")).to_contain_text("deleted with its key")
    here.get_by_role("button", name="Cancel").click()
    assert server.world.certificates.now.origin == "uploaded"
    back.press("Enter")
    here.get_by_role("button", name="Do it").press("Enter")
    told(here, "The box uses its own certificate again.")
    expect(here.get_by_text(fingerprint)).to_be_visible()


def test_what_is_wrong_is_told_at_its_file(
    here: Page, server: Served, site: SiteAuthority, tmp_path: Path
) -> None:
    leaf, key = site.issue("box")
    for name, text in (("leaf.pem", leaf), ("key.pem", key)):
        (tmp_path / name).write_text(text)
    (tmp_path / "both.pem").write_text(leaf + key)
    packed = openssl("pkcs12", "-export", "-in", tmp_path / "both.pem", "-passout", "pass:x")
    (tmp_path / "both.p12").write_bytes(packed)
    certificate = here.get_by_label("Certificate", exact=True)
    upload(here)
    expect(certificate).to_have_accessible_description(re.compile("no certificate in it"))
    certificate.set_input_files(tmp_path / "leaf.pem")
    upload(here)
    key_file = here.get_by_label("Private key")
    expect(key_file).to_have_accessible_description(re.compile("give the private key"))
    expect(key_file).to_be_focused()
    expect(certificate).not_to_have_attribute("aria-invalid", "true")
    certificate.set_input_files(tmp_path / "both.p12")
    upload(here)
    password = here.get_by_label("Password of the key")
    expect(password).to_have_accessible_description(re.compile("does not open"))
    assert server.world.certificates.now.origin == "own"
    password.fill("x")
    upload(here)
    told(here, "Uploaded. New connections")


def test_several_files_make_one_chain(
    here: Page, server: Served, site: SiteAuthority, tmp_path: Path
) -> None:
    middle = SiteAuthority(site.path, "middle", above=site)
    leaf, key = middle.issue("box")
    der = openssl("x509", "-outform", "DER", given=middle.pem.encode())
    (tmp_path / "middle.der").write_bytes(der)
    for name, text in (("leaf.pem", leaf), ("key.pem", key)):
        (tmp_path / name).write_text(text)
    files = [tmp_path / "middle.der", tmp_path / "leaf.pem"]
    here.get_by_label("Certificate", exact=True).set_input_files(files)
    here.get_by_label("Private key").set_input_files(tmp_path / "key.pem")
    upload(here)
    told(here, "Uploaded. New connections")
    assert len(server.world.certificates.now.chain) == 2


def test_a_request_is_withdrawn(here: Page, server: Served) -> None:
    here.get_by_role("button", name="Make a request").click()
    told(here, "The request is made.")
    here.get_by_role("button", name="Withdraw it").click()
    here.get_by_role("button", name="Do it").click()
    told(here, "The request is withdrawn.")
    assert server.world.certificates.pending is None


def test_authorities_are_added_and_removed(
    here: Page, server: Served, site: SiteAuthority, tmp_path: Path
) -> None:
    leaf, _ = site.issue("box")
    (tmp_path / "leaf.pem").write_text(leaf)
    chooser = here.get_by_label("Add an authority")
    chooser.set_input_files(tmp_path / "leaf.pem")
    add = here.get_by_role("button", name="Add", exact=True)
    add.click()
    expect(chooser).to_have_accessible_description(re.compile("a server's certificate and no"))
    chooser.set_input_files(site.file)
    add.click()
    told(here, "Added. The next connection")
    expect(here.get_by_role("listitem").filter(has_text="CN=site root")).to_be_visible()
    here.get_by_role("button", name="Remove CN=site root").click()
    expect(here.get_by_role("dialog")).to_contain_text("believes CN=site root no more")
    here.get_by_role("button", name="Do it").click()
    expect(here.get_by_text("None was added.")).to_be_visible()
    assert server.world.authorities.trusted == []


def test_what_a_certificate_says_is_never_markup(
    here: Page, server: Served, site: SiteAuthority, tmp_path: Path
) -> None:
    evil = SiteAuthority(site.path, "<b>evil<b>")
    here.get_by_label("Add an authority").set_input_files(evil.file)
    here.get_by_role("button", name="Add", exact=True).click()
    expect(here.get_by_text("CN=site \\<b\\>evil\\<b\\>").first).to_be_visible()


def test_supervisors_have_no_way_to_it(page: Page) -> None:
    sign_in(page)
    page.goto(PAGE)
    expect(page.get_by_text("You need the permission MANAGE_DEVICE.")).to_be_visible()


def test_a_real_browser_over_https_and_its_open_page(
    browser: Browser, world: World, site: SiteAuthority, tmp_path: Path
) -> None:
    """The page stays signed in and its stream goes on while the certificate is exchanged."""
    leaf, key = site.issue("box", "127.0.0.1", days="10")
    for name, text in (("leaf.pem", leaf), ("key.pem", key)):
        (tmp_path / name).write_text(text)
    with served(world, https="on") as server:
        made = browser.new_context(base_url=server.url, ignore_https_errors=True)
        page, other = made.new_page(), made.new_page()
        for each in (page, other):
            sign_in(each, "admin") if each is page else each.goto("/interactions")
            expect(each.locator("#chip-box")).to_have_attribute("data-tone", "good")
        expect(page.get_by_role("link", name="Certificate: ")).to_have_count(0)
        other.evaluate("() => { document.body.dataset.same = 'yes' }")
        page.goto(PAGE)
        page.get_by_label("Certificate", exact=True).set_input_files(tmp_path / "leaf.pem")
        page.get_by_label("Private key").set_input_files(tmp_path / "key.pem")
        upload(page)
        expect(page.get_by_text("Uploaded. New connections")).to_be_visible()
        chip = page.get_by_role("link", name="Certificate: 10 days left")
        expect(chip).to_be_visible()
        clients = server.do(lambda: server.app.state.console.counters.event_clients)
        assert clients >= 1
        expect(other.locator("#chip-box")).to_have_attribute("data-tone", "good")
        assert other.evaluate("() => document.body.dataset.same") == "yes"
        other.goto("/interactions")
        other.get_by_role("link", name="Certificate: 10 days left").click()
        expect(other.get_by_role("heading", name="In use")).to_be_visible()
        made.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_the_page_in_each_state(
    browser: Browser, world: World, site: SiteAuthority, tmp_path: Path, scheme: Scheme, size: str
) -> None:
    middle = SiteAuthority(site.path, "middle", above=site)
    leaf, key = middle.issue("box", "box.local", "192.0.2.7")
    (tmp_path / "both.pem").write_text(leaf + middle.pem + key)
    with served(world) as server, visit(browser, server, size, scheme) as page:

        def look(name: str) -> None:
            expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
            inspect(page, f"certificate-{name}-{scheme}-{size}", whole=True)

        sign_in(page, "admin")
        page.goto(PAGE)
        look("own")
        upload(page)
        expect(page.get_by_text("There is no certificate in it.")).to_be_visible()
        look("wrong")
        page.get_by_role("button", name="Make a request").click()
        told(page, "The request is made.")
        page.get_by_text("Show the request").click()
        look("request")
        page.get_by_role("button", name="Withdraw it").click()
        look("sure")
        page.keyboard.press("Escape")
        page.get_by_label("Certificate", exact=True).set_input_files(tmp_path / "both.pem")
        upload(page)
        told(page, "Uploaded. New")
        page.get_by_label("Add an authority").set_input_files(site.file)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_text("Added. The next connection")).to_be_visible()
        look("uploaded")
    fixed = tmp_path / "fixed.pem"
    fixed.write_text(leaf + key)
    with served(world, https="on", tls_certificate=fixed, tls_key=fixed) as server:
        # Chromium does not know the authority: a person has looked at the fingerprint.
        width, height = SIZES[size]
        made = browser.new_context(
            base_url=server.url,
            ignore_https_errors=True,
            viewport={"width": width, "height": height},
            color_scheme=scheme,
        )
        page = made.new_page()
        sign_in(page, "admin")
        page.goto(PAGE)
        expect(page.get_by_text("The box’s settings file names this")).to_be_visible()
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
        inspect(page, f"certificate-fixed-{scheme}-{size}", whole=True)
        made.close()
