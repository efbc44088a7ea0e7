"""DICOM files for tests, written by pydicom."""

import io
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

EXPLICIT = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"

# Real files of many makers and syntaxes that pydicom brings along.
SAMPLES = Path(pydicom.__file__).parent / "data"


def make_dataset(**attributes: Any) -> Dataset:
    """A 4×4 CT image of one frame; keywords override or, with None, remove attributes."""
    dataset = Dataset()
    defaults: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CT_IMAGE_STORAGE,
        "SOPInstanceUID": "1.2.3.4",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.9",
        "PatientName": "Müller^Jürgen",
        "PatientID": "MRN-1",
        "IssuerOfPatientID": "HOSPITAL",
        "PatientBirthDate": "19700102",
        "PatientSex": "M",
        "StudyDate": "20240105",
        "StudyTime": "101500",
        "AccessionNumber": "ACC-1",
        "StudyID": "1",
        "StudyDescription": "CT head",
        "ReferringPhysicianName": "Curie^Marie",
        "Modality": "CT",
        "SeriesNumber": "1",
        "SeriesDescription": "Axial",
        "BodyPartExamined": "HEAD",
        "InstanceNumber": "1",
        "Rows": 4,
        "Columns": 4,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": bytes(range(32)),
    }
    for keyword, value in (defaults | attributes).items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def make_file(transfer_syntax: str = EXPLICIT, **attributes: Any) -> bytes:
    """The same as a Part 10 file."""
    return to_file(make_dataset(**attributes), transfer_syntax)


def make_encapsulated(
    frames: list[bytes], transfer_syntax: str = RLE, *, has_bot: bool = True, **attributes: Any
) -> bytes:
    """A multi-frame file whose codestreams are whatever bytes are given."""
    content = encapsulate(frames, has_bot=has_bot)
    dataset = make_dataset(PixelData=content, NumberOfFrames=str(len(frames)), **attributes)
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    return to_file(dataset, transfer_syntax)


def to_file(dataset: Dataset, transfer_syntax: str = EXPLICIT) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CT_IMAGE_STORAGE)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3.4")
    if "PixelData" in dataset and dataset["PixelData"].VR not in ("OB", "OW"):
        dataset["PixelData"].VR = "OW" if dataset.get("BitsAllocated", 16) > 8 else "OB"
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
