"""Images of every kind: the real ones that pydicom brings along, and made ones of what it lacks."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array
from pydicom.uid import UID

from studies.dicom import codecs
from studies.tests.builders import EXPLICIT, make_dataset, to_file

STUDY = "2.25.5151"
# Not images as their headers say, or of no image at all.
# No images, or none that pydicom itself can decode and write again.
_LEFT_OUT = {
    "badVR.dcm", "MR_truncated.dcm", "no_meta.dcm", "SC_rgb_jpeg.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
}  # fmt: skip
_LOSSY = {"50", "51", "81", "91", "203"}
# Two decoders of JPEG may differ by so much where colours are sampled coarsely.
_LOSS = 6


@dataclass(frozen=True)
class ImageKind:
    """One image, with the frame that a viewer shows of it first and what its pixels mean.

    Attributes:
        values: `(rows, columns)` after the modality LUT, or `(rows, columns, 3)` in 8 bits of RGB.
        loss: By how much a value may differ.
        is_mask: Of one bit, which a viewer may show as the server draws it, without values.
    """

    name: str
    content: bytes
    series_instance_uid: str
    sop_instance_uid: str
    values: np.ndarray
    loss: float
    is_mask: bool


def image_kinds(folders: list[Path]) -> list[ImageKind]:
    """Real images of these folders, and made ones, as series of one study."""
    datasets = [*_real(folders), *_made()]
    return [_kind(name, dataset, number) for number, (name, dataset) in enumerate(datasets, 1)]


def _real(folders: list[Path]) -> Iterator[tuple[str, Dataset]]:
    for path in sorted(path for folder in folders for path in folder.rglob("*.dcm")):
        if path.name in _LEFT_OUT or not _is_part_10(path):
            continue
        dataset = pydicom.dcmread(path)
        if (
            dataset.get("Rows")
            and "PixelData" in dataset
            and dataset.file_meta.get("TransferSyntaxUID")
        ):
            yield path.name, dataset


def _is_part_10(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132).endswith(b"DICM")


# --- Made ----------------------------------------------------------------------------------------


def _made() -> Iterator[tuple[str, Dataset]]:
    for bits, signed in ((8, 0), (8, 1), (10, 0), (12, 1), (16, 0), (16, 1)):
        dataset = _grey(bits, signed=signed)
        yield f"{'signed' if signed else 'unsigned'} of {bits} bits", dataset
        for syntax in (codecs.RLE_LOSSLESS, codecs.JPEG_LOSSLESS_SV1, codecs.JPEG_LS_LOSSLESS,
                       codecs.JPEG_2000_LOSSLESS, codecs.HTJ2K_LOSSLESS):  # fmt: skip
            yield f"{bits} bits, sign {signed}, {UID(syntax).name}", _encoded(dataset, syntax)
    for syntax in (codecs.RLE_LOSSLESS, codecs.JPEG_LS_LOSSLESS, codecs.JPEG_2000_LOSSLESS,
                   codecs.HTJ2K_LOSSLESS):  # fmt: skip
        yield f"colour, {UID(syntax).name}", _encoded(_colour(), syntax)
    yield "colour by plane", _colour(by_plane=True)
    yield "inverted", _grey(12, signed=0, PhotometricInterpretation="MONOCHROME1")
    yield (
        "rescaled by a fraction",
        _grey(12, signed=0, RescaleSlope="0.25", RescaleIntercept="-7.5"),
    )
    yield "enhanced", _enhanced()


def _ramp(bits: int, *, signed: int) -> np.ndarray:
    """Every row another, from the least value to the greatest."""
    low = -(2 ** (bits - 1)) if signed else 0
    ramp = np.linspace(low, low + 2**bits - 1, 64 * 48).reshape(48, 64)
    return np.rint(ramp).astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")


def _grey(bits: int, *, signed: int, **attributes: object) -> Dataset:
    pixels = _ramp(bits, signed=signed)
    allocated = 8 * pixels.dtype.itemsize
    stored = pixels.view(f"u{pixels.dtype.itemsize}") & (2**bits - 1)
    dataset = make_dataset(
        Rows=48, Columns=64, Modality="OT", BitsAllocated=allocated, BitsStored=bits,
        HighBit=bits - 1, PixelRepresentation=signed, PixelData=stored.tobytes(), **attributes,
    )  # fmt: skip
    dataset.WindowCenter, dataset.WindowWidth = [float(np.mean(pixels))], [float(2**bits)]
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    return dataset


def _colour(*, by_plane: bool = False) -> Dataset:
    ramp = _ramp(8, signed=0)
    pixels = np.stack([ramp, 255 - ramp, ramp // 2], axis=-1)
    dataset = _grey(8, signed=0)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
    dataset.PlanarConfiguration = int(by_plane)
    dataset.PixelData = (np.moveaxis(pixels, -1, 0) if by_plane else pixels).tobytes()
    return dataset


def _encoded(dataset: Dataset, syntax: str) -> Dataset:
    array = codecs.decode(dataset.PixelData, dataset, EXPLICIT)
    interpretation = str(dataset.PhotometricInterpretation)
    codestream = codecs.encode(array, dataset, interpretation, syntax)
    coded = copy.deepcopy(dataset)
    coded.PixelData = encapsulate([codestream])
    coded["PixelData"].VR, coded["PixelData"].is_undefined_length = "OB", True
    coded.file_meta.TransferSyntaxUID = UID(syntax)
    if interpretation == "RGB" and syntax in codecs.JPEG_2000_FAMILY:
        coded.PhotometricInterpretation = "YBR_RCT"
    return coded


def _enhanced() -> Dataset:
    """Three frames, of which each has a rescale and a place of its own (PS3.3 C.7.6.16)."""
    dataset = _grey(12, signed=0)
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    dataset.NumberOfFrames = 3
    dataset.PixelData = dataset.PixelData * 3
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.5], 2
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame_groups(number) for number in range(3)]
    return dataset


def _frame_groups(number: int) -> Dataset:
    groups, position, transformation, window = Dataset(), Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = [0, 0, 2 * number]
    transformation.RescaleSlope, transformation.RescaleIntercept = 1 + number, -1000 * number
    transformation.RescaleType = "US"
    window.WindowCenter, window.WindowWidth = 2000, 8000
    groups.PlanePositionSequence = [position]
    groups.PixelValueTransformationSequence = [transformation]
    groups.FrameVOILUTSequence = [window]
    return groups


# --- What a viewer should read -------------------------------------------------------------------


def _kind(name: str, dataset: Dataset, number: int) -> ImageKind:
    frame = (int(dataset.get("NumberOfFrames") or 1) - 1) // 2
    values = _values(dataset, frame)
    series, instance = f"{STUDY}.{number}", f"{STUDY}.{number}.1"
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    is_mask = dataset.BitsAllocated == 1
    for keyword, value in {
        "StudyInstanceUID": STUDY, "SeriesInstanceUID": series, "SOPInstanceUID": instance,
        "PatientName": "Kinds^Many", "PatientID": "KINDS", "IssuerOfPatientID": "",
        "AccessionNumber": "", "StudyDate": "20200101", "SeriesNumber": number,
        "SeriesDescription": name[:64], "InstanceNumber": 1,
    }.items():  # fmt: skip
        setattr(dataset, keyword, value)
    if is_mask:
        # Secondary Capture: what is drawn over others, as a segmentation, is another matter.
        dataset.Modality, dataset.SOPClassUID = "OT", "1.2.840.10008.5.1.4.1.1.7"
    loss = (
        _LOSS
        if syntax.rpartition(".")[2] in _LOSSY and syntax.startswith("1.2.840.10008.1.2.4")
        else 0
    )
    content = to_file(dataset, syntax)
    return ImageKind(name, content, series, instance, values, loss, is_mask)


def _values(dataset: Dataset, frame: int) -> np.ndarray:
    array = pixel_array(dataset, index=frame)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        array = apply_color_lut(array, dataset)[..., :3]
        return array >> (8 * array.dtype.itemsize - 8)
    if array.ndim == 3:
        return array >> max(0, dataset.BitsStored - 8)
    if dataset.get("Modality") == "RTDOSE":
        return array * float(dataset.DoseGridScaling)
    groups = dataset.get("PerFrameFunctionalGroupsSequence")
    own = groups[frame].get("PixelValueTransformationSequence") if groups else None
    return apply_modality_lut(array, own[0] if own else dataset)
