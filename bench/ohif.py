"""OHIF's own build opens studies of this portal in Chromium.

    .venv/bin/python -m bench.ohif

Needs npm, nginx and Chromium. Downloads `@ohif/app`, starts a portal with seeded and real studies,
puts both behind one address, and prints for each study how long its first image took and what the
browser complained of. Screenshots are left in `var/bench/screenshots`; the exit status is 1 if
anything failed.
"""

import os
import sys
from dataclasses import dataclass

OHIF = ("@ohif/app", "3.13.2")

# All that OHIF need know of the portal (docs/clients.md).
CONFIGURATION = """
window.config = {
  routerBasename: null,
  extensions: [],
  modes: [],
  showStudyList: true,
  investigationalUseDialog: { option: 'never' },
  defaultDataSourceName: 'portal',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName: 'portal',
    configuration: {
      friendlyName: 'PACS Portal',
      name: 'portal',
      qidoRoot: '/dicom-web',
      wadoRoot: '/dicom-web',
      wadoUriRoot: '/dicom-web',
      qidoSupportsIncludeField: true,
      supportsFuzzyMatching: true,
      supportsWildcard: true,
      imageRendering: 'wadors',
      thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true,
      dicomUploadEnabled: true,
      bulkDataURI: { enabled: true },
    },
  }],
};
"""

# A canvas that somebody can see something on: many shades, not one colour and a border.
PAINTED = """() => [...document.querySelectorAll('canvas.cornerstone-canvas')].some(canvas => {
    if (!canvas.width || !canvas.height) return false;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const shades = new Set();
    for (let i = 0; i < data.length; i += 4 * 97) shades.add(data[i]);
    return shades.size > 16;
})"""


@dataclass(frozen=True)
class Opened:
    """A study to open: what to call it, and how the archive knows it."""

    name: str
    study_instance_uid: str


# What is opened beside seeded studies, by the name of a file that pydicom brings along.
REAL = {
    "CT explicit": "CT_small.dcm",
    "MR RLE": "MR_small_RLE.dcm",
    "MR JPEG-LS": "MR_small_jpeg_ls_lossless.dcm",
    "CT JPEG 2000": "693_J2KI.dcm",
    "NM JPEG extended": "JPGExtended.dcm",
    "US cine JPEG": "examples_ybr_color.dcm",
    "US palette": "examples_palette.dcm",
    "big endian": "ExplVR_BigEnd.dcm",
}
SEEDED = ("CT", "MR", "PT", "DX")


def main() -> int:
    from bench.one_origin import npm_package, one_origin, running_portal, visit  # noqa: PLC0415

    application = npm_package(*OHIF) / "dist"
    (application / "app-config.js").write_text(CONFIGURATION)
    failures = 0
    with (
        running_portal() as portal,
        one_origin(portal, application) as base_url,
        visit(base_url) as visitor,
    ):
        studies = fill(portal)
        visitor.sign_in(portal)
        failures += visitor.check("study list", lambda: open_list(visitor))
        failures += visitor.check("search", lambda: search(visitor))
        for study in [*studies, *seeded(visitor)]:
            failures += visitor.check(study.name, lambda study=study: open_study(visitor, study))
    return 1 if failures else 0


def fill(portal) -> list[Opened]:
    """Seed and import; what was imported is opened later."""
    import pydicom  # noqa: PLC0415

    from studies.tests.builders import SAMPLES  # noqa: PLC0415

    portal.manage("seed", "--studies", "100", "--until", "2026-03-01", "--noinput")
    paths = {name: SAMPLES / "test_files" / file for name, file in REAL.items()}
    portal.manage("import_dicom", *map(str, paths.values()))
    return [
        Opened(name, str(pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID))
        for name, path in paths.items()
    ]


def seeded(visitor) -> list[Opened]:
    """The newest seeded study of each modality."""
    found = []
    for modality in SEEDED:
        answer = visitor.page.request.get(
            f"/dicom-web/studies?ModalitiesInStudy={modality}&limit=1"
        )
        (study,) = answer.json()
        found.append(Opened(f"seeded {modality}", study["0020000D"]["Value"][0]))
    return found


def open_list(visitor) -> None:
    visitor.page.goto("/")
    visitor.page.wait_for_selector("[data-cy=study-list-results] tr, table tbody tr")


def search(visitor) -> None:
    visitor.page.goto("/?patientName=CompressedSamples")
    visitor.page.wait_for_selector("text=CompressedSamples")


def open_study(visitor, study: Opened) -> None:
    visitor.page.goto(f"/viewer?StudyInstanceUIDs={study.study_instance_uid}")
    visitor.page.wait_for_function(PAINTED)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pacs_portal.settings_test")
    import django

    django.setup()
    sys.exit(main())
