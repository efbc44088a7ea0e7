import functools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import requests
from playwright.sync_api import Browser, ConsoleMessage, Page, StorageState, sync_playwright

from pacs_portal.db.process_locks import exclusive_lock
from pacs_portal.tests.running_portal import DATABASE, RunningPortal, free_port, wait_for
from studies.tests.builders import SAMPLES, make_encapsulated

ORTHANC_DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
SEEDED = 300  # enough for every modality to be among them
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
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# The command, but for the drawing of the phantoms.
SEED = """
import sys
from pathlib import Path
import django
django.setup()
from django.core.management import call_command
from studies.tests.drawn import taken_from
with taken_from(Path(sys.argv[1])):
    call_command("seed", *sys.argv[2:])
"""


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
    portal.run(
        "-c", SEED, str(phantoms), "--studies", str(SEEDED), "--until", "2026-03-01", "--noinput"
    )
    undecodable = portal.directory / "undecodable.dcm"
    undecodable.write_bytes(make_encapsulated([b"no codestream"], StudyInstanceUID=UNDECODABLE))
    files = [undecodable, *(SAMPLES / "test_files" / name for name in IMPORTED)]
    portal.manage("import_dicom", *map(str, files))


@pytest.fixture(scope="session")
def make_token(portal: RunningPortal) -> Callable[[str], str]:
    """Makes the token of a demonstration user, and gives the same again."""

    @functools.cache
    def make_token(user: str) -> str:
        return portal.manage("create_api_token", user, "--name", "tests").strip()

    return make_token


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
def radiologist(browser: Browser, portal: RunningPortal) -> StorageState:
    """Cookies of a radiologist who has signed in by the form that a person uses."""
    with browser.new_context(base_url=portal.url) as context:
        page = context.new_page()
        page.goto("/accounts/login/")
        page.fill("input[name=login]", "radiologist")
        page.fill("input[name=password]", portal.passwords["radiologist"])
        page.click("main button[type=submit]")
        page.wait_for_selector("#studies")
        return context.storage_state()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about: errors of scripts, violated policies, failed requests."""
    return []


@pytest.fixture
def page(
    browser: Browser, portal: RunningPortal, radiologist: StorageState, complaints: list[str]
) -> Iterator[Page]:
    """The study list, before a signed-in radiologist who has left no study in any way."""
    context = browser.new_context(
        base_url=portal.url,
        viewport={"width": 1280, "height": 800},
        storage_state=radiologist,
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.on("console", lambda message: _note(message, complaints))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/")
    # Only now: a page of the test before may have kept its layout on being closed.
    with psycopg.connect(portal.database.conninfo(DATABASE)) as connection:
        connection.execute("DELETE FROM studies_presentation")
    yield page
    context.close()


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    """All errors but that of a health poll which a busy machine answered late."""
    address = message.location["url"]
    if message.type == "error" and not address.endswith("/api/health/"):
        complaints.append(f"{message.text} ({address})")
