"""A real Chromium for the browser tests, and the page opened through the gateway."""

import os
import shutil
from collections.abc import Callable, Generator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.system import Stack

ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


# Playwright's synchronous API keeps an event loop running in this thread, under which no async test of another module
# could start: so it ends with the module.
@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    """One Chromium for a module's tests: the one of ASTROSCALE_CHROMIUM, else `chromium` on the PATH."""
    executable = os.environ.get("ASTROSCALE_CHROMIUM") or shutil.which("chromium")
    if not executable:
        pytest.skip("no Chromium here: install Debian's chromium or set ASTROSCALE_CHROMIUM to an executable")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGS))
        yield browser
        browser.close()


# Chromium first: where there is none, the system is not started for tests that skip.
@pytest.fixture
def open_page(chromium: Browser, stack: Stack) -> Generator[Callable[[int], Page]]:
    """Opens the page at a width in CSS pixels, with an empty storage and without motion.

    Afterwards nothing may have been thrown in it, and no security policy may have stopped a part of it.
    """
    trouble: list[str] = []

    def opened(width: int) -> Page:
        page = chromium.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda message: trouble.append(message.text) if "Policy" in message.text else None)
        page.goto(stack.gateway_url)
        return page

    yield opened
    for context in chromium.contexts:
        context.close()
    assert trouble == []
