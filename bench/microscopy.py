"""dicom-microscopy-viewer shows a digital slide of this portal in Chromium.

    .venv/bin/python -m bench.microscopy

Needs npm, nginx and Chromium. Draws a slide of three resolutions, imports it, opens it, goes
nearer, and prints which tiles were asked for and what the browser complained of. Screenshots are
left in `var/bench/screenshots`; the exit status is 1 if anything failed.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

VIEWER = ("dicom-microscopy-viewer", "0.48.24")
CLIENT = ("dicomweb-client", "0.11.3")

PAGE = """<!doctype html>
<html><head><meta charset="utf-8"><title>Slide</title>
<script>window.PUBLIC_LIB_URL = '/dicom-microscopy-viewer/';</script>
<script src="/dicomweb-client.js"></script>
<script src="/dicom-microscopy-viewer/dicomMicroscopyViewer.min.js"></script></head>
<body style="margin:0"><div id="viewport" style="width:100vw;height:100vh"></div>
<script type="module">
  const microscopy = window.dicomMicroscopyViewer;
  const [, , study, series] = location.pathname.split('/');
  const client = new DICOMwebClient.api.DICOMwebClient({ url: location.origin + '/dicom-web' });
  const found = await client.retrieveSeriesMetadata({
    studyInstanceUID: study, seriesInstanceUID: series,
  });
  const images = found.map(
    metadata => new microscopy.metadata.VLWholeSlideMicroscopyImage({ metadata }));
  const viewer = new microscopy.viewer.VolumeImageViewer({ client, metadata: images });
  viewer.render({ container: 'viewport' });
</script></body></html>
"""


def main() -> int:
    from bench.one_origin import one_origin, running_portal, visit  # noqa: PLC0415
    from bench.whole_slide import write_slide  # noqa: PLC0415

    with (
        tempfile.TemporaryDirectory() as directory,
        running_portal() as portal,
        one_origin(portal, application(Path(directory))) as base_url,
        visit(base_url) as visitor,
    ):
        print(portal.manage("import_dicom", *map(str, write_slide(Path(directory)))).strip())
        visitor.sign_in(portal)
        return look(visitor)


def application(directory: Path) -> Path:
    """The page, the viewer and its client, as a web server wants them."""
    from bench.one_origin import npm_package  # noqa: PLC0415

    directory.chmod(0o755)  # nginx looks in as somebody else
    (directory / "index.html").write_text(PAGE)
    viewer = npm_package(*VIEWER) / "dist" / "dynamic-import"
    (directory / "dicom-microscopy-viewer").symlink_to(viewer)
    client = npm_package(*CLIENT) / "build" / "dicomweb-client.js"
    (directory / "dicomweb-client.js").symlink_to(client)
    return directory


def look(visitor) -> int:
    """Open the slide, then go nearer until the finest tiles are asked for."""
    from bench.whole_slide import STUDY  # noqa: PLC0415

    asked: set[tuple[str, str]] = set()
    tile = re.compile(rf"/instances/{re.escape(STUDY)}\.1\.(\d)/frames/(\d+)$")
    visitor.page.on(
        "request", lambda request: (m := tile.search(request.url)) and asked.add(m.groups())
    )
    failures = visitor.check("slide whole", lambda: open_slide(visitor, STUDY, f"{STUDY}.1"))
    failures += visitor.check("slide near", lambda: go_nearer(visitor))
    levels = {level: sum(found == level for found, _ in asked) for level, _ in sorted(asked)}
    print(f"tiles asked for by level, 1 the finest: {levels}")
    return 1 if failures or "1" not in levels or len(levels) == 1 else 0


def open_slide(visitor, study: str, series: str) -> None:
    from bench.whole_slide import must_show_tissue  # noqa: PLC0415

    with visitor.page.expect_response(lambda answer: "/frames/" in answer.url):
        visitor.page.goto(f"/slide/{study}/{series}")
    must_show_tissue(visitor)


def go_nearer(visitor) -> None:
    from bench.whole_slide import must_show_tissue  # noqa: PLC0415

    visitor.page.mouse.move(700, 450)
    for _ in range(3):
        visitor.page.mouse.wheel(0, -240)
        visitor.page.wait_for_timeout(300)
    must_show_tissue(visitor)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pacs_portal.settings_test")
    import django

    django.setup()
    sys.exit(main())
