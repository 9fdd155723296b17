"""Takes the pictures of the dashboard that the documentation shows: `python docs/screenshot.py --home HOME`."""

import argparse
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

from playwright.sync_api import Browser, sync_playwright

from dashboard.launch import command

DOCS = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
DESKTOP, PHONE = 1280, 390
# file: (path of the page, width, appearance)
PICTURES = {
    "overview.png": ("", DESKTOP, "light"),
    "overview-phone.png": ("", PHONE, "light"),
    "proposals.png": ("propositions", DESKTOP, "light"),
    "proposal-dark.png": ("proposition?p={proposal}", DESKTOP, "dark"),
    "method.png": ("methode", DESKTOP, "light"),
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--home", type=Path, required=True, help="home of a run, e.g. of `polyphonie demo`")
    arguments.add_argument("--out", type=Path, default=DOCS, help="folder of the pictures")
    asked = arguments.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(  # noqa: S603 - our own command, no shell
        command(port), env=os.environ | {"POLYPHONIE_HOME": str(asked.home.resolve())}
    )
    try:
        address = f"http://127.0.0.1:{port}/"
        _wait(f"{address}_stcore/health")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            proposal = _first_proposal(browser, address)
            for name, (path, width, appearance) in PICTURES.items():
                picture = _picture(browser, address + path.format(proposal=proposal), width, appearance)
                (asked.out / name).write_bytes(picture)
                print(asked.out / name)
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


def _wait(health: str) -> None:
    for _ in range(240):
        try:
            urllib.request.urlopen(health, timeout=2).read()  # noqa: S310 - loopback, ours
        except (URLError, OSError):
            time.sleep(0.25)
        else:
            return
    raise SystemExit("Streamlit did not start in a minute")


def _first_proposal(browser: Browser, address: str) -> str:
    page = browser.new_page()
    page.goto(address)
    link = page.locator(".po-table a").first
    link.wait_for(timeout=60_000)
    path = link.get_attribute("href") or ""
    page.close()
    return path.partition("p=")[2].partition("&")[0]


def _picture(browser: Browser, address: str, width: int, appearance: str) -> bytes:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if appearance == "dark" else "light",
        locale="fr-FR",
    )
    page = context.new_page()
    page.goto(address)
    page.locator(".po-footer").wait_for(timeout=60_000)
    page.wait_for_timeout(1_500)
    # Streamlit scrolls inside a pane: the window must be as high as what it holds.
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": int(height)})
    page.wait_for_timeout(1_500)
    picture = page.screenshot()
    context.close()
    return picture


if __name__ == "__main__":
    main()
