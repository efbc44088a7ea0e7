import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from pacs_portal.tests.running_portal import RunningPortal
from studies.tests.builders import SAMPLES

SEEDED = 40
CHROMIUM = [
    "--no-sandbox",  # tests may run as root
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def portal(tmp_path_factory) -> Iterator[RunningPortal]:
    """A running portal with seeded studies and two imported real files."""
    portal = RunningPortal(tmp_path_factory.mktemp("portal"))
    try:
        portal.start()
        portal.manage("seed", "--studies", str(SEEDED), "--until", "2026-03-01", "--noinput")
        files = [SAMPLES / "test_files" / name for name in ("CT_small.dcm", "MR_small_RLE.dcm")]
        portal.manage("import_dicom", *map(str, files))
        yield portal
    finally:
        portal.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, gone before other tests: Playwright keeps an event loop in this thread.

    Inside of one, Django forbids the database and hands out other connections.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about: errors of scripts, violated policies, failed requests."""
    return []


@pytest.fixture
def page(browser: Browser, portal: RunningPortal, complaints: list[str]) -> Iterator[Page]:
    """A page of a signed-in radiologist."""
    context: BrowserContext = browser.new_context(
        base_url=portal.url, viewport={"width": 1280, "height": 800}
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.on("console", lambda message: _note(message, complaints))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page, portal, "radiologist")
    yield page
    context.close()


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    """All errors but that of a health poll which a busy machine answered late."""
    if message.type == "error" and not message.location["url"].endswith("/api/health/"):
        complaints.append(message.text)


def sign_in(page: Page, portal: RunningPortal, user: str) -> None:
    page.goto("/accounts/login/")
    page.fill("input[name=login]", user)
    page.fill("input[name=password]", portal.passwords[user])
    page.click("main button[type=submit]")
    page.wait_for_selector("#studies, .empty")
