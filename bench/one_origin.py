"""A portal and a web application behind one address, and Chromium before it.

Applications that run in a browser reach the portal with the session cookie of the person who
signed in there, so both must have one origin. nginx gives them one, as it would in a hospital.
"""

import contextlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from PIL import Image
from playwright.sync_api import Error, Page, Response, sync_playwright

from pacs_portal.tests.conftest import CHROMIUM
from pacs_portal.tests.running_portal import RunningPortal, free_port, wait_for

VAR = "PACS_BENCH_DIR"

NGINX = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
worker_processes 1;
events {{}}
http {{
    include /etc/nginx/mime.types;
    gzip_static on;  # as a web server in a hospital would send an application
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {application};
        location / {{ try_files $uri /index.html; expires 1h; }}
        location ~ ^/(dicom-web|accounts|static|studies|api)/ {{
            proxy_pass {portal};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
            client_max_body_size 0;
        }}
    }}
}}
"""


def scratch() -> Path:
    """Where downloads and screenshots go; they stay to be used again and looked at."""
    directory = Path(os.environ.get(VAR, "") or settings.PACS_VAR_DIR / "bench")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def npm_package(name: str, version: str) -> Path:
    """The unpacked package, downloaded once."""
    target = scratch() / f"{name.strip('@').replace('/', '-')}-{version}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=scratch()) as directory:
            subprocess.run(
                ["npm", "pack", "--silent", f"{name}@{version}"], cwd=directory, check=True,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
            (archive,) = Path(directory).glob("*.tgz")
            with tarfile.open(archive) as content:
                content.extractall(directory, filter="data")
            (Path(directory) / "package").rename(target)
    return target


@contextlib.contextmanager
def running_portal() -> Iterator[RunningPortal]:
    with tempfile.TemporaryDirectory() as directory:
        portal = RunningPortal(Path(directory))
        try:
            portal.start()
            yield portal
        finally:
            portal.stop()


@contextlib.contextmanager
def one_origin(portal: RunningPortal, application: Path) -> Iterator[str]:
    """The address under which nginx serves both."""
    with tempfile.TemporaryDirectory() as directory:
        # Its worker is somebody else than root, and may look in.
        Path(directory).chmod(0o755)
        port = free_port()
        configuration = Path(directory) / "nginx.conf"
        configuration.write_text(
            NGINX.format(directory=directory, port=port, application=application, portal=portal.url)
        )
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        process = subprocess.Popen([program, "-c", str(configuration), "-p", directory])
        try:
            wait_for((Path(directory) / "nginx.pid").exists)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


class Visit:
    """A radiologist's browser at an application, and what it complained of."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.base_url = base_url
        self.complaints: list[str] = []
        page.on("console", lambda m: m.type == "error" and self.complaints.append(m.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda r: self._failed(r.method, r.url, str(r.failure)))
        page.on("response", self._answered)

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._failed(response.request.method, response.url, str(response.status))

    def _failed(self, method: str, url: str, reason: str) -> None:
        # A viewer gives up what it no longer needs.
        if "ERR_ABORTED" not in reason:
            self.complaints.append(f"{method} {url.removeprefix(self.base_url)}: {reason}")

    def take_complaints(self) -> list[str]:
        """What was complained of since this was last asked."""
        complaints, self.complaints = self.complaints, []
        return complaints

    def sign_in(self, portal: RunningPortal) -> None:
        self.page.goto("/accounts/login/")
        self.page.fill("input[name=login]", "radiologist")
        self.page.fill("input[name=password]", portal.passwords["radiologist"])
        self.page.click("main button[type=submit]")
        self.page.wait_for_url(f"{self.base_url}/")

    def check(self, name: str, act: Callable[[], None]) -> int:
        """Act, say what came of it, and return 1 if it failed."""
        started = time.perf_counter()
        try:
            act()
            said = f"{time.perf_counter() - started:.2f} s"
        except (Error, AssertionError) as error:
            said = f"FAILED {str(error).splitlines()[0]}"
        self.screenshot(name.replace(" ", "-"))
        complaints = self.take_complaints()
        print(
            f"{name:20} {said}", *(f"    {text[:300]}" for text in complaints), sep="\n", flush=True
        )
        return int(said.startswith("FAILED") or bool(complaints))

    def screenshot(self, name: str) -> Path:
        path = scratch() / "screenshots" / f"{name}.png"
        self.page.screenshot(path=path)  # makes the directory too
        return path


def colours(screenshot: Path) -> int:
    """How many colours there are in the middle of the page, where nothing but the image is."""
    with Image.open(screenshot) as page:
        width, height = page.size
        middle = page.crop((width // 3, height // 3, 2 * width // 3, 2 * height // 3))
        return len(middle.convert("RGB").getcolors(maxcolors=width * height))


@contextlib.contextmanager
def visit(base_url: str) -> Iterator[Visit]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM
        )
        context = browser.new_context(base_url=base_url, viewport={"width": 1400, "height": 900})
        context.set_default_timeout(60_000)
        try:
            yield Visit(context.new_page(), base_url)
        finally:
            browser.close()
