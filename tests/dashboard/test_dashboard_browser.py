"""The dashboard in a real Chromium: every page, its keyboard, its links, its looks in the dark and on a phone."""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from dashboard.launch import command

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = {
    "": "Les propositions, de la plus à la moins approuvée",
    "propositions": "Toutes les propositions",
    "proposition?p=loyers": "Les arguments",
    "recherche?q=loyers": "Au fil du temps",
    "methode": "Registre du traitement",
    "annoter": "Aucun tirage pour l'instant",
}
WAIT_MS = 60_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def served(dashboard_home: Path) -> Iterator[str]:
    """Address of a Streamlit server over the invented home, started as the command line starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POLYPHONIE_")}
    log = dashboard_home / "streamlit.log"
    with log.open("wb") as written:
        server = subprocess.Popen(
            command(port), env=kept | {"POLYPHONIE_HOME": str(dashboard_home)}, stdout=written, stderr=written
        )
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(240):
            assert server.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"{address}_stcore/health", timeout=2).read()
                break
            except (URLError, OSError):
                time.sleep(0.25)
        yield address
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page that remembers what its console complained of."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="fr-FR")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(error))
    yield page
    context.close()


def complaints(page):
    """Errors of the console, without the probes that Streamlit sends to find its own root from a page's address."""
    told = [
        getattr(each, "location", {}).get("url", "") + " " + str(getattr(each, "text", each))
        for each in page.complaints
    ]
    return [each for each in told if "/_stcore/" not in each]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_without_an_error(served, page, path):
    page.goto(served + path)
    page.get_by_text(PAGES[path], exact=True).first.wait_for()
    page.locator(".po-footer").wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
    assert complaints(page) == []
    assert "Ceci n'est pas un sondage." in page.locator(".po-footer").inner_text()
    # The look is ours: no bar, no menu, no deploy button of Streamlit.
    assert not page.locator("[data-testid=stToolbar], [data-testid=stHeader]").filter(visible=True).count()


def test_charts_are_drawn(served, page):
    page.goto(served + "proposition?p=loyers")
    page.locator(".po-footer").wait_for()
    page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").nth(1).wait_for()


def test_a_link_keeps_the_session_and_the_view(served, page):
    page.goto(served + "?periode=90j&ponderation=messages")
    page.locator(".po-footer").wait_for()
    page.evaluate("window.stillHere = true")
    page.locator("table a").first.click()
    page.get_by_text("Les arguments", exact=True).wait_for()
    assert page.evaluate("window.stillHere") is True  # the page was not loaded anew
    assert "periode=90j" in page.url
    assert "ponderation=messages" in page.url
    page.go_back()
    page.get_by_text(PAGES[""], exact=True).wait_for()


def test_the_keyboard_searches_and_turns_pages(served, page):
    page.goto(served + "proposition?p=loyers")
    page.get_by_text("Les arguments", exact=True).wait_for()
    page.locator("a[data-key=ArrowRight]").wait_for()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: "p=loyers" not in url)
    page.keyboard.press("/")
    page.get_by_label("Requête", exact=True).wait_for()
    page.locator(".po-footer").wait_for()
    page.keyboard.press("/")
    page.wait_for_function("document.activeElement?.getAttribute('aria-label') === 'Requête'")


def test_nothing_overflows_on_a_phone(served, chromium):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="fr-FR")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(served)
    page.locator(".po-footer").wait_for()
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    context.close()
    assert wide <= 390


def test_the_dark_appearance_follows_the_system(served, chromium):
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(served)
    page.locator(".po-footer").wait_for()
    page.wait_for_function("getComputedStyle(document.querySelector('.po-title')).color === 'rgb(233, 231, 226)'")
    ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    context.close()
    assert ground == "rgb(18, 20, 23)"


def test_a_hostile_message_is_read_and_does_nothing(served, page):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(served + "recherche?q=gras OU loyers")
    page.get_by_text("<script>alert('lu')</script>").first.wait_for()
    page.locator(".po-footer").wait_for()
    assert dialogs == []
    assert page.locator(".po-post script, .po-post b b").count() == 0
