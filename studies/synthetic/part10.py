"""Phantom series, and how their pictures become Part 10 files.

The same bytes come out on every build and machine: UIDs are derived from names, nothing is dated.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit

SOP_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "US multi-frame": "1.2.840.10008.5.1.4.1.1.3.1",
    "NM": "1.2.840.10008.5.1.4.1.1.20",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
}
JPEG_QUALITY = 88


@dataclass(frozen=True)
class Picture:
    """One instance: its pixels and what its header says beyond name and kind.

    Attributes:
        pixels: `(rows, columns)`, `(frames, rows, columns)` or with a last axis of 3 for RGB;
            uint8, uint16 or int16.
        attributes: Keyword → value; nested datasets are given as lists of dicts.
        bits_stored: Of each sample.
        sop_class: Key of SOP_CLASSES; the series' modality where empty.
        photometric_interpretation: Where it is neither RGB nor MONOCHROME2.
        jpeg: JPEG baseline instead of native; 8 bits only.
    """

    pixels: npt.NDArray[Any]
    attributes: Mapping[str, Any]
    bits_stored: int
    sop_class: str = ""
    photometric_interpretation: str = ""
    jpeg: bool = False


@dataclass(frozen=True)
class PhantomSeries:
    """A series of synthetic images of one modality and body part."""

    name: str
    modality: str
    body_part_examined: str
    description: str
    number_of_instances: int
    draw: Callable[[], Iterator[Picture]] = field(repr=False)

    def instances(self) -> Iterator[bytes]:
        """Complete Part 10 files in the order of their instance numbers, from 1."""
        for number, picture in enumerate(self.draw(), 1):
            yield _write(self, number, picture)


def derived_uid(text: str) -> str:
    """The same UID for the same text, of the form of PS3.5 B.2."""
    return f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:15], 'big')}"


def _write(series: PhantomSeries, number: int, picture: Picture) -> bytes:
    dataset = _identity(series, number, picture)
    for keyword, value in picture.attributes.items():
        setattr(dataset, keyword, _nested(value))
    _put_pixels(dataset, picture)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = JPEGBaseline8Bit if picture.jpeg else ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(derived_uid("PACS Portal phantoms"))
    meta.ImplementationVersionName = "PACSPORTAL_1"
    dataset.file_meta = meta
    dataset.preamble = bytes(128)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _identity(series: PhantomSeries, number: int, picture: Picture) -> Dataset:
    """Who and what: neutral, because every seeded instance lays its own over it."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = SOP_CLASSES[picture.sop_class or series.modality]
    dataset.SOPInstanceUID = derived_uid(f"{series.name}/{number}")
    dataset.StudyInstanceUID = derived_uid(f"study of {series.name}")
    dataset.SeriesInstanceUID = derived_uid(f"series {series.name}")
    dataset.PatientName = f"PHANTOM^{series.name.upper()}"
    dataset.PatientID = "PHANTOM"
    for keyword in (
        "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "StudyID",
        "ReferringPhysicianName",
    ):  # fmt: skip
        setattr(dataset, keyword, "")
    dataset.Modality = series.modality
    dataset.SeriesDescription = series.description
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = number
    dataset.BodyPartExamined = series.body_part_examined
    dataset.Manufacturer = "PACS Portal phantom"
    dataset.BurnedInAnnotation = "NO"
    return dataset


def _nested(value: Any) -> Any:
    """Lists of dicts become sequences of items."""
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return value
    items = []
    for entry in value:
        item = Dataset()
        for keyword, inner in entry.items():
            setattr(item, keyword, _nested(inner))
        items.append(item)
    return items


def _put_pixels(dataset: Dataset, picture: Picture) -> None:
    pixels = picture.pixels
    colour = pixels.shape[-1] == 3 and pixels.ndim > 2
    multi_frame = pixels.ndim == (4 if colour else 3)
    frames = pixels if multi_frame else pixels[None]
    dataset.Rows, dataset.Columns = frames.shape[1:3]
    if multi_frame:
        dataset.NumberOfFrames = len(frames)
    dataset.SamplesPerPixel = 3 if colour else 1
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = picture.photometric_interpretation or (
        "RGB" if colour else "MONOCHROME2"
    )
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = picture.bits_stored
    dataset.HighBit = picture.bits_stored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    if picture.jpeg:
        _put_jpeg(dataset, frames)
        return
    raw = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<"))).tobytes()
    dataset.PixelData = raw + bytes(len(raw) % 2)
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"


def _put_jpeg(dataset: Dataset, frames: npt.NDArray[Any]) -> None:
    streams = [_jpeg(frame) for frame in frames]
    dataset.PixelData = encapsulate(streams)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    if frames.ndim == 4:
        dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    ratio = frames.nbytes / sum(len(stream) for stream in streams)
    dataset.LossyImageCompressionRatio = f"{ratio:.1f}"


def _jpeg(frame: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    # subsampling 1 is 4:2:2, which YBR_FULL_422 says.
    Image.fromarray(frame).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=1)
    return buffer.getvalue()
