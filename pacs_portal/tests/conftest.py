import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import Cookie
from pathlib import Path

import psycopg
import pytest
import requests
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    StorageState,
    StorageStateCookie,
    ViewportSize,
    sync_playwright,
)

from pacs_portal.db.process_locks import exclusive_lock
from pacs_portal.tests.running_portal import DATABASE, RunningPortal, free_port, wait_for
from studies.tests.builders import SAMPLES, make_encapsulated

ORTHANC_DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
IMPORTED = (
    "CT_small.dcm", "MR_small_jpeg_ls_lossless.dcm", "693_J2KI.dcm",
    "JPGExtended.dcm", "SC_rgb_jpeg_dcmtk.dcm", "examples_palette.dcm", "ExplVR_BigEnd.dcm",
    "image_dfl.dcm", "test-SR.dcm",
)  # fmt: skip
UNDECODABLE = "2.25.4711"
CHROMIUM = [
    "--no-sandbox",  # tests may run as root
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    # Without a graphics card the processor lays the page together in half the time; WebGL stays.
    "--disable-gpu-compositing",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREEN: ViewportSize = {"width": 1280, "height": 800}


@pytest.fixture(scope="session")
def portal(run_directory, phantoms, tmp_path_factory) -> Iterator[RunningPortal]:
    """A running portal with seeded studies, real files and one that nobody can decode."""
    portal = _made_portal(run_directory, phantoms).copy(tmp_path_factory.mktemp("portal"))
    try:
        portal.start()
        yield portal
    finally:
        portal.stop()


def _made_portal(run_directory: Path, phantoms: Path) -> RunningPortal:
    """Made by the first process that needs it, for all of them to copy."""
    made = run_directory / "portal"
    with exclusive_lock(run_directory / "portal.lock"):
        if not made.exists():
            portal = RunningPortal(Path(tempfile.mkdtemp(dir=run_directory)))
            try:
                portal.make()
                _fill(portal, phantoms)
            finally:
                portal.stop()
            portal.directory.rename(made)
    return RunningPortal(made)


def _fill(portal: RunningPortal, phantoms: Path) -> None:
    undecodable = portal.directory / "undecodable.dcm"
    undecodable.write_bytes(make_encapsulated([b"no codestream"], StudyInstanceUID=UNDECODABLE))
    files = [undecodable, *(SAMPLES / "test_files" / name for name in IMPORTED)]
    kept = [portal.directory / f"{name}.json" for name in ("passwords", "tokens")]
    portal.run("-m", "pacs_portal.tests.fill_portal", *map(str, [phantoms, *kept, *files]))


@pytest.fixture(scope="session")
def make_token(portal: RunningPortal) -> Callable[[str], str]:
    """Gives the token of a demonstration user, the same each time."""
    return portal.tokens.__getitem__


@pytest.fixture(scope="session")
def orthanc(portal: RunningPortal, make_token, tmp_path_factory) -> Iterator[str]:
    """The URL of an Orthanc that knows the portal by each of the ways it has to sign in."""
    directory = tmp_path_factory.mktemp("orthanc")
    http, dicom = free_port(), free_port()
    servers = {
        "chunked": {
            "Username": "technologist", "Password": make_token("technologist"),
            "HasWadoRsUniversalTransferSyntax": True, "ChunkedTransfers": True,
        },
        "whole": {
            "HttpHeaders": {"Authorization": f"Bearer {make_token('technologist')}"},
            "HasWadoRsUniversalTransferSyntax": False, "ChunkedTransfers": False,
        },
        "steward": {
            "HasDelete": True,
            "HttpHeaders": {
                "Authorization": f"Bearer {make_token('data-steward')}",
                "Deletion-Reason": "Sent by mistake",
            },
        },
    }  # fmt: skip
    url = {"Url": f"{portal.url}/dicom-web/"}
    configuration = {
        "Name": "peer", "StorageDirectory": str(directory), "IndexDirectory": str(directory),
        "HttpPort": http, "DicomPort": dicom, "RemoteAccessAllowed": False,
        "Plugins": [ORTHANC_DICOMWEB],
        "DicomWeb": {"Enable": True, "Servers": {name: url | s for name, s in servers.items()}},
    }  # fmt: skip
    (directory / "orthanc.json").write_text(json.dumps(configuration))
    program = shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin")
    with (directory / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(directory / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_for(lambda: _answers(f"http://localhost:{http}/system"))
        yield f"http://localhost:{http}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, gone before other tests: Playwright keeps an event loop in this thread.

    Inside of one, Django forbids the database and hands out other connections.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)


@pytest.fixture(scope="module")
def radiologist(portal: RunningPortal) -> StorageState:
    """Cookies of a radiologist who has signed in with what the form asks of a person."""
    with requests.Session() as session:
        form = session.get(f"{portal.url}/accounts/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        answer = session.post(
            form.url,
            data={
                "login": "radiologist", "password": portal.passwords["radiologist"],
                "csrfmiddlewaretoken": token[1],
            },
        )  # fmt: skip
        assert 'id="studies"' in answer.text
        return {"cookies": [_for_browser(cookie) for cookie in session.cookies], "origins": []}


def _for_browser(cookie: Cookie) -> StorageStateCookie:
    return {
        "name": cookie.name, "value": cookie.value or "", "domain": "localhost", "path": "/",
        "expires": -1, "httpOnly": False, "secure": False, "sameSite": "Lax",
    }  # fmt: skip


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about: errors of scripts, violated policies, failed requests."""
    return []


@pytest.fixture
def fresh_page(
    browser: Browser, portal: RunningPortal, radiologist: StorageState, complaints: list[str]
) -> Iterator[Page]:
    """The study list in a browser that has loaded nothing before, before a radiologist."""
    with _opened(browser, portal, radiologist) as page:
        yield from _used(page, portal, complaints)


@pytest.fixture(scope="module")
def tab(browser: Browser, portal: RunningPortal, radiologist: StorageState) -> Iterator[Page]:
    """The page that the tests of a module share: what it has compiled once serves them all."""
    with _opened(browser, portal, radiologist) as page:
        yield page


@pytest.fixture
def page(
    tab: Page, portal: RunningPortal, radiologist: StorageState, complaints: list[str]
) -> Iterator[Page]:
    """The study list, before a signed-in radiologist who has left no study in any way."""
    tab.set_viewport_size(SCREEN)
    tab.context.clear_cookies()
    tab.context.add_cookies(radiologist["cookies"])
    yield from _used(tab, portal, complaints)
    tab.unroute_all(behavior="ignoreErrors")
    for other in tab.context.pages:
        if other is not tab:
            other.close()


@contextmanager
def _opened(browser: Browser, portal: RunningPortal, state: StorageState) -> Iterator[Page]:
    with browser.new_context(base_url=portal.url, viewport=SCREEN, storage_state=state) as context:
        context.set_default_timeout(20_000)
        yield context.new_page()


def _used(page: Page, portal: RunningPortal, complaints: list[str]) -> Iterator[Page]:
    """The page at the study list, as if nobody had used it, while it notes its complaints."""

    def note_message(message: ConsoleMessage) -> None:
        _note(message, complaints)

    def note_error(error: Exception) -> None:
        complaints.append(str(error))

    page.on("console", note_message)
    page.on("pageerror", note_error)
    page.goto("/")
    page.evaluate("() => [localStorage, sessionStorage].forEach((kept) => kept.clear())")
    # Only now: a page of the test before may have kept its layout on being left.
    with psycopg.connect(portal.database.conninfo(DATABASE)) as connection:
        connection.execute("DELETE FROM studies_presentation")
    yield page
    page.remove_listener("console", note_message)
    page.remove_listener("pageerror", note_error)


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    """All errors but that of a health poll which a busy machine answered late."""
    address = message.location["url"]
    if message.type == "error" and not address.endswith("/api/health/"):
        complaints.append(f"{message.text} ({address})")
