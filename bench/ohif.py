"""OHIF's own build opens studies of this portal in Chromium.

    .venv/bin/python -m bench.ohif

Needs npm, nginx and Chromium. Downloads `@ohif/app`, starts a portal with seeded and real studies,
puts both behind one address, and prints for each study how long its first image took and what the
browser complained of. Screenshots are left in `var/bench/screenshots`; the exit status is 1 if
anything failed.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OHIF = ("@ohif/app", "3.13.2")
CODEC = ("@cornerstonejs/codec-openjph", "2.4.11")

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

HTJ2K_STUDY = "2.25.4201"
# No library for Python encodes HTJ2K, so the encoder is that of the viewers.
ENCODE_HTJ2K = """
const [path, rows, columns, isSigned] = process.argv.slice(1);
require(path)().then(codec => {
  const encoder = new codec.HTJ2KEncoder();
  encoder.getDecodedBuffer({
    width: +columns, height: +rows, bitsPerSample: 16, componentCount: 1,
    isSigned: isSigned === '1', isUsingColorTransform: false,
  }).set(require('fs').readFileSync(0));
  encoder.setQuality(true, 0);
  encoder.encode();
  process.stdout.write(encoder.getEncodedBuffer());
});
"""


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
        failures += visitor.check("slide", lambda: open_slide(visitor))
    return 1 if failures else 0


def fill(portal) -> list[Opened]:
    """Seed and import; what was imported is opened later."""
    import pydicom  # noqa: PLC0415

    from bench.whole_slide import write_slide  # noqa: PLC0415
    from studies.tests.builders import SAMPLES  # noqa: PLC0415

    portal.manage("seed", "--studies", "100", "--until", "2026-03-01", "--noinput")
    paths = {name: SAMPLES / "test_files" / file for name, file in REAL.items()}
    paths["MR HTJ2K"] = write_htj2k(portal.directory)
    slide = write_slide(portal.directory)
    portal.manage("import_dicom", *map(str, [*paths.values(), *slide]))
    return [
        Opened(name, str(pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID))
        for name, path in paths.items()
    ]


def write_htj2k(directory: Path) -> Path:
    """A real MR image in lossless HTJ2K, under UIDs of its own."""
    import pydicom  # noqa: PLC0415
    from pydicom.encaps import encapsulate  # noqa: PLC0415
    from pydicom.uid import HTJ2KLossless  # noqa: PLC0415

    from bench.one_origin import npm_package  # noqa: PLC0415
    from studies.tests.builders import SAMPLES  # noqa: PLC0415

    dataset = pydicom.dcmread(SAMPLES / "test_files" / "MR_small.dcm")
    codec = npm_package(*CODEC) / "dist" / "openjphjs.js"
    numbers = (dataset.Rows, dataset.Columns, dataset.PixelRepresentation)
    codestream = subprocess.run(
        ["node", "-e", ENCODE_HTJ2K, str(codec), *map(str, numbers)],
        input=dataset.PixelData, capture_output=True, check=True,
    ).stdout  # fmt: skip
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = HTJ2K_STUDY, f"{HTJ2K_STUDY}.1"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{HTJ2K_STUDY}.1.1"
    dataset.file_meta.TransferSyntaxUID = HTJ2KLossless
    dataset.PixelData = encapsulate([codestream])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(directory / "htj2k.dcm")
    return directory / "htj2k.dcm"


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


def open_slide(visitor) -> None:
    """In OHIF's own mode for microscopy, whose tiles are not on a canvas of Cornerstone."""
    from bench.whole_slide import STUDY, must_show_tissue  # noqa: PLC0415

    with visitor.page.expect_response(lambda answer: "/frames/" in answer.url):
        visitor.page.goto(f"/microscopy?StudyInstanceUIDs={STUDY}")
    must_show_tissue(visitor)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pacs_portal.settings_test")
    import django

    django.setup()
    sys.exit(main())
