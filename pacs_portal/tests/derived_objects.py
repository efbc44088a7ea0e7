"""A small CT, and what others make of it: segments, structures, presentation states, key images.

Segments, presentation state and key object selection are written by highdicom, which shares no
code with the viewer that reads them.
"""

from typing import Any

import highdicom as hd
import numpy as np
from highdicom.color import CIELabColor
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from studies.tests.builders import EXPLICIT, make_dataset, make_file, to_file
from studies.tests.samples import read

SIZE = 63  # odd, so that frames of single bits begin inside of bytes
STUDY, CT, FRAME_OF_REFERENCE = "2.25.8100", "2.25.8101", "2.25.8102"
SEG, RTSTRUCT, PR, KO = "2.25.8103", "2.25.8104", "2.25.8105", "2.25.8106"
GREY = 1000  # in the middle of the window
_ABOUT = {
    "manufacturer": "Test", "manufacturer_model_name": "Test", "software_versions": "1",
    "device_serial_number": "1",
}  # fmt: skip
STUDY_OF_ALL: dict[str, Any] = {
    "StudyInstanceUID": STUDY, "PatientID": "DERIVED", "PatientName": "Derived^Objects",
    "StudyDescription": "Derived objects",
}  # fmt: skip
STUDY_OF_ALL_AS_DATASET = Dataset()
for _keyword, _value in STUDY_OF_ALL.items():
    setattr(STUDY_OF_ALL_AS_DATASET, _keyword, _value)
NO_IMAGE = dict.fromkeys(
    (
        "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated",
        "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
    )
)  # fmt: skip


def slices() -> list[Dataset]:
    """Three grey slices, 5 mm apart; the first pixel is dark, so that turns can be seen."""
    found = []
    for number in (1, 2, 3):
        pixels = np.full((SIZE, SIZE), GREY, np.uint16)
        pixels[:8, :8] = 100
        dataset = make_dataset(
            **STUDY_OF_ALL,
            SeriesInstanceUID=CT, SeriesDescription="Grey", SeriesNumber="1",
            SOPInstanceUID=f"{CT}.{number}", InstanceNumber=str(number),
            FrameOfReferenceUID=FRAME_OF_REFERENCE, PositionReferenceIndicator="",
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[-60, -60, 5 * (number - 1)],
            PixelSpacing=[2, 2], SliceThickness="5",
            Rows=SIZE, Columns=SIZE, WindowCenter="1000", WindowWidth="2000",
            RescaleSlope="1", RescaleIntercept="0", PixelData=pixels.tobytes() + b"\0" * (SIZE % 2) * 2,
        )  # fmt: skip
        found.append(read(to_file(dataset)))
    return found


def segmentation(
    images: list[Dataset], kind: str = "BINARY", number: int = 1, syntax: str = EXPLICIT
) -> bytes:
    """Segment 1, red, on slices 1 and 2; segment 2, green, on slice 2."""
    mask = np.zeros((3, SIZE, SIZE, 2), np.uint8)
    mask[:2, 20:31, 20:31, 0] = 1
    mask[1, 40:51, 40:51, 1] = 1
    segments = [
        hd.seg.SegmentDescription(
            number, label, codes.SCT.Organ, codes.SCT.Organ, "MANUAL",
            display_color=CIELabColor(*lab),
        )
        for number, label, lab in ((1, "Liver", (53, 80, 67)), (2, "Spleen", (88, -79, 81)))
    ]  # fmt: skip
    made = hd.seg.Segmentation(
        images, mask, kind, segments, SEG, 3, f"{SEG}.{number}", number, **_ABOUT,
        series_description="Organs", transfer_syntax_uid=syntax,
    )  # fmt: skip
    return to_file(made, syntax)


def _contour(z: float) -> Dataset:
    contour = Dataset()
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 4
    low, high = -60 + 2 * 10, -60 + 2 * 50
    contour.ContourData = [low, low, z, high, low, z, high, high, z, low, high, z]
    return contour


def structure_set() -> bytes:
    """One structure, blue, from column and row 10 to 50 of the second slice."""
    roi, drawn, frame = Dataset(), Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = 7, "Target"
    roi.ReferencedFrameOfReferenceUID = FRAME_OF_REFERENCE
    drawn.ReferencedROINumber, drawn.ROIDisplayColor = 7, [0, 0, 255]
    drawn.ContourSequence = [_contour(5.0)]
    frame.FrameOfReferenceUID = FRAME_OF_REFERENCE
    return make_file(
        **(STUDY_OF_ALL | NO_IMAGE),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", SOPInstanceUID=f"{RTSTRUCT}.1",
        SeriesInstanceUID=RTSTRUCT, SeriesNumber="4", Modality="RTSTRUCT",
        SeriesDescription="Plan structures", StructureSetLabel="Plan",
        StructureSetROISequence=[roi], ROIContourSequence=[drawn],
        ReferencedFrameOfReferenceSequence=[frame],
    )  # fmt: skip


def presentation_state(image: Dataset) -> bytes:
    """Of one slice: inverted, narrow window, turned to the right, the left half, with a text."""
    text = hd.pr.TextObject("Look here", units="PIXEL", anchor_point=(20.0, 40.0))
    line = hd.pr.GraphicObject("POLYLINE", np.array([[10.0, 10.0], [30.0, 30.0]]), units="PIXEL")
    layer = hd.pr.GraphicLayer("NOTES", 1, display_color=CIELabColor(97, -21, 94))
    made = hd.pr.GrayscaleSoftcopyPresentationState(
        [image], PR, 5, f"{PR}.1", 1, **_ABOUT, content_label="LOOK",
        content_description="Somebody's view", graphic_layers=[layer],
        graphic_annotations=[hd.pr.GraphicAnnotation([image], layer, graphic_objects=[line], text_objects=[text])],
        voi_lut_transformations=[hd.pr.SoftcopyVOILUTTransformation(window_center=900, window_width=400)],
    )  # fmt: skip
    made.PresentationLUTShape = "INVERSE"
    made.ImageRotation, made.ImageHorizontalFlip = 90, "N"
    return to_file(made)


def corner_state(image: Dataset) -> bytes:
    """Of the same slice: the upper left 21 columns and rows, turned, then flipped, with a shutter."""
    made = hd.pr.GrayscaleSoftcopyPresentationState(
        [image], PR, 5, f"{PR}.2", 2, **_ABOUT, content_label="CORNER",
    )  # fmt: skip
    made.ImageRotation, made.ImageHorizontalFlip = 90, "Y"
    (area,) = made.DisplayedAreaSelectionSequence
    area.DisplayedAreaBottomRightHandCorner = [21, 21]
    made.ShutterShape, made.ShutterPresentationValue = "RECTANGULAR", 0
    made.ShutterLeftVerticalEdge, made.ShutterRightVerticalEdge = "3", "18"
    made.ShutterUpperHorizontalEdge, made.ShutterLowerHorizontalEdge = "3", "18"
    return to_file(made)


def key_objects(image: Dataset) -> bytes:
    content = hd.ko.KeyObjectSelection(codes.DCM.ForReferringProvider, [image])
    made = hd.ko.KeyObjectSelectionDocument(
        [image], content, KO, 6, f"{KO}.1", 1, "Test", institution_name="Test"
    )
    return to_file(made)


PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R>>endobj
4 0 obj<</Length 29>>stream
1 0 0 rg 0 0 200 100 re f
endstream endobj
trailer<</Root 1 0 R/Size 5>>
%%EOF"""


def encapsulated(content: bytes, number: int) -> bytes:
    return make_file(
        **(STUDY_OF_ALL | NO_IMAGE),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", SOPInstanceUID=f"2.25.8110.{number}",
        SeriesInstanceUID="2.25.8110", SeriesNumber="10", Modality="DOC", DocumentTitle="Letter",
        SeriesDescription="Letters", InstanceNumber=str(number),
        EncapsulatedDocument=content + b"\0" * (len(content) % 2),
        EncapsulatedDocumentLength=len(content),
    )  # fmt: skip


def broken_waveform() -> bytes:
    """A group that says to have samples and has none."""
    group = Dataset()
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = 12, 5000
    group.SamplingFrequency = "500"
    return make_file(
        **(STUDY_OF_ALL | NO_IMAGE),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.9.1.1", SOPInstanceUID="2.25.8111.1",
        SeriesInstanceUID="2.25.8111", SeriesNumber="11", Modality="ECG",
        SeriesDescription="Broken", WaveformSequence=[group],
    )  # fmt: skip
