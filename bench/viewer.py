"""How fast the portal's viewer and OHIF's own build show CT studies of the same portal.

    .venv/bin/python -m bench.viewer [--slices 60 500 2000] [--repeat 3] [--quick]

Needs npm, nginx and Chromium. Both applications are behind one nginx that sends OHIF's files
compressed beforehand. The portal has prepared the metadata of the series, as it does for what it
received lately. Prints one table in Markdown; what the columns mean stands in docs/performance.md.
"""

import argparse
import contextlib
import gzip
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WATCH = Path(__file__).with_name("viewer_watch.js")
VIEWPORT = {"width": 1400, "height": 900}
# WebPageTest's "4G": 9 Mbit/s and 170 ms.
FOUR_G = {
    "offline": False,
    "latency": 170,
    "downloadThroughput": 9e6 / 8,
    "uploadThroughput": 9e6 / 8,
}
NETWORKS = {"4G": FOUR_G, "no throttle": None}
SCROLL_SECONDS = 5
# The bytes of 60 slices alone take half a minute there; more would say no more.
MOST_SLICES_OVER_4G = 60
# A viewer that has not fetched a frame for so long fetches no more.
QUIET_SECONDS = 20
FIRST_SECONDS = 180


@dataclass(frozen=True)
class Application:
    name: str
    path: str  # with a place for the Study Instance UID


PORTAL = Application("portal", "/studies/{}/view/")
OHIF = Application("OHIF", "/viewer?StudyInstanceUIDs={}")


@dataclass
class Figures:
    """Seconds unless the name says otherwise; each of some visits."""

    preview: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    first_warm: list[float] = field(default_factory=list)
    stack: float | None = None
    frames: int = 0
    pictures_per_second: float | None = None
    heap_mib: float = 0
    process_mib: float = 0


class Browser:
    """Chromium, and how much memory its pages take."""

    def __init__(self, base_url: str, password: str) -> None:
        import shutil  # noqa: PLC0415

        from playwright.sync_api import sync_playwright  # noqa: PLC0415

        from pacs_portal.tests.conftest import CHROMIUM  # noqa: PLC0415

        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM
        )
        self._base_url = base_url
        self._cookies = self._sign_in(password)

    def _sign_in(self, password: str) -> Any:
        with self._browser.new_context(base_url=self._base_url) as context:
            page = context.new_page()
            page.goto("/accounts/login/")
            page.fill("input[name=login]", "radiologist")
            page.fill("input[name=password]", password)
            page.click("main button[type=submit]")
            page.wait_for_url(f"{self._base_url}/")
            return context.storage_state()

    @contextlib.contextmanager
    def visitor(self) -> Iterator[Any]:
        """A person whose browser has nothing of either application yet."""
        with self._browser.new_context(
            base_url=self._base_url, viewport=VIEWPORT, storage_state=self._cookies
        ) as context:
            context.add_init_script(path=WATCH)
            yield context

    def renderer_mib(self) -> float:
        """Proportional set size of the pages' processes."""
        session = self._browser.new_browser_cdp_session()
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        pids = [process["id"] for process in processes if process["type"] == "renderer"]
        return sum(map(_pss_kib, pids)) / 1024

    def close(self) -> None:
        self._browser.close()
        self._playwright.stop()


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


# --- Measuring ------------------------------------------------------------------------------------


def open_study(context: Any, application: Application, study: str, network: Any) -> tuple[Any, Any]:
    """A page that is on its way to the study, and its debugging session."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    if network:
        session.send("Network.emulateNetworkConditions", network)
    page.goto(application.path.format(study), wait_until="commit")
    return page, session


def wait_for_first(page: Any) -> tuple[float | None, float]:
    """When a preview and when the first picture was there, in seconds since the navigation."""
    # Asked from outside: the policy of the page lets no text be evaluated in it.
    deadline = time.monotonic() + FIRST_SECONDS
    while not page.evaluate("window.watchedByBench?.first"):
        if time.monotonic() > deadline:
            raise TimeoutError(page.url)
        page.wait_for_timeout(100)
    preview, first = page.evaluate("[watchedByBench.preview ?? null, watchedByBench.first]")
    return preview and preview / 1000, first / 1000


def measure_first(
    browser: Browser, application: Application, study: str, network: Any, figures: Figures
) -> None:
    """One cold and one warm visit of the same person."""
    with browser.visitor() as context:
        page, _ = open_study(context, application, study, network)
        preview, first = wait_for_first(page)
        figures.first.append(first)
        if preview:
            figures.preview.append(preview)
        page.close()
        page, _ = open_study(context, application, study, network)
        figures.first_warm.append(wait_for_first(page)[1])


def measure_stack(
    browser: Browser, application: Application, study: Any, network: Any, figures: Figures
) -> None:
    """One cold visit that stays until all frames are there, or no more come; then it scrolls."""
    with browser.visitor() as context:
        slices = study.slices
        page, session = open_study(context, application, study.study_instance_uid, network)
        wait_for_first(page)
        session.send("Performance.enable")
        frames, moved = 0, time.monotonic()
        while frames < slices and time.monotonic() - moved < QUIET_SECONDS:
            page.wait_for_timeout(500)
            metrics = session.send("Performance.getMetrics")["metrics"]
            heap = {metric["name"]: metric["value"] for metric in metrics}["JSHeapUsedSize"]
            figures.heap_mib = max(figures.heap_mib, heap / 1024**2)
            figures.process_mib = max(figures.process_mib, browser.renderer_mib())
            now = page.evaluate("watchedByBench.frames")
            if now > frames:
                frames, moved = now, time.monotonic()
        figures.frames = frames
        if frames >= slices:
            figures.stack = page.evaluate("watchedByBench.lastFrame") / 1000
        figures.pictures_per_second = page.evaluate(f"watchedByBench.scroll({SCROLL_SECONDS})")


# --- The run --------------------------------------------------------------------------------------


def main() -> int:
    from bench.ohif import CONFIGURATION  # noqa: PLC0415
    from bench.ohif import OHIF as PACKAGE  # noqa: PLC0415
    from bench.one_origin import npm_package, one_origin, running_portal  # noqa: PLC0415
    from bench.viewer_studies import CtStudy  # noqa: PLC0415

    options = _options()
    application = npm_package(*PACKAGE) / "dist"
    (application / "app-config.js").write_text(CONFIGURATION)
    compress(application)
    studies = [CtStudy(slices) for slices in options.slices]
    print(HEAD, flush=True)
    with running_portal() as portal, one_origin(portal, application) as base_url:
        for study in studies:
            portal.manage("import_dicom", str(study.write(portal.directory / str(study.slices))))
        portal.manage("prepare_metadata", f"{base_url}/dicom-web", "--settled", "0")
        browser = Browser(base_url, portal.passwords["radiologist"])
        try:
            for study in studies:
                for name, network in NETWORKS.items():
                    measure(browser, study, name, network, options)
        finally:
            browser.close()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.viewer", description=__doc__)
    parser.add_argument("--slices", type=int, nargs="+", default=[60, 500, 2000])
    parser.add_argument("--repeat", type=int, default=3, help="Visits for each first image.")
    parser.add_argument("--quick", action="store_true", help="Only the first images.")
    parser.add_argument("--only", choices=[PORTAL.name, OHIF.name], help="One application.")
    return parser.parse_args()


def measure(browser: Browser, study: Any, name: str, network: Any, options: Any) -> None:
    """Both applications in turn, so that a disturbance meets both."""
    figures = {one: Figures() for one in (PORTAL, OHIF) if options.only in (None, one.name)}
    for _ in range(options.repeat):
        for application, own in figures.items():
            measure_first(browser, application, study.study_instance_uid, network, own)
    if not options.quick and (network is None or study.slices <= MOST_SLICES_OVER_4G):
        for application, own in figures.items():
            measure_stack(browser, application, study, network, own)
    for application, own in figures.items():
        print(row(study.slices, name, application, own), flush=True)
    if len(figures) > 1:
        print(ratio(study.slices, name, figures[PORTAL], figures[OHIF]), flush=True)


def compress(directory: Path) -> None:
    """What nginx may send instead of each file, made once."""
    for path in directory.rglob("*"):
        packed = path.with_name(path.name + ".gz")
        if path.suffix in {".js", ".css", ".wasm", ".html", ".json", ".svg"} and (
            not packed.exists() or packed.stat().st_mtime < path.stat().st_mtime
        ):
            packed.write_bytes(gzip.compress(path.read_bytes()))


# --- The table ------------------------------------------------------------------------------------

HEAD = (
    "| slices | network | viewer | preview s | first image s | warm s | whole stack s | "
    "pictures /s | heap MiB | process MiB |\n|--:|---|---|--:|--:|--:|--:|--:|--:|--:|"
)


def row(slices: int, network: str, application: Application, figures: Figures) -> str:
    stack = _number(figures.stack)
    if figures.frames and figures.stack is None:
        stack = f"– ({figures.frames} of {slices})"
    cells = [
        f"{slices:,}", network, application.name,
        _number(_median(figures.preview)), _number(_median(figures.first)),
        _number(_median(figures.first_warm)), stack, _number(figures.pictures_per_second),
        f"{figures.heap_mib:.0f}" if figures.heap_mib else "–",
        f"{figures.process_mib:.0f}" if figures.process_mib else "–",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def ratio(slices: int, network: str, ours: Figures, theirs: Figures) -> str:
    """How many times sooner the portal's viewer was."""
    pairs = [
        (_median(theirs.first), _median(ours.preview)),
        (_median(theirs.first), _median(ours.first)),
        (_median(theirs.first_warm), _median(ours.first_warm)),
        (theirs.stack, ours.stack),
        (ours.pictures_per_second, theirs.pictures_per_second),
    ]
    cells = [f"{a / b:.1f} ×" if a and b else "–" for a, b in pairs]
    return f"| {slices:,} | {network} | *ratio* | {' | '.join(cells)} | – | – |"


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pacs_portal.settings_test")
    import django

    django.setup()
    sys.exit(main())
