"""Real files that an archive must accept: pydicom's samples, and more where a kit lies beside us."""

import functools
import json
from pathlib import Path

import pydicom
from django.conf import settings
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from studies.tests.builders import SAMPLES

LIST = Path(settings.BASE_DIR) / "studies" / "tests" / "samples.json"
KIT = Path(settings.BASE_DIR).parent / "shared" / "dicom-kit"


def accepted_files() -> list[Path]:
    """Each once, though pydicom's files are in the kit too."""
    listed = [(SAMPLES, json.loads(LIST.read_text())["files"])]
    if KIT.is_dir():
        listed.append((KIT, json.loads((KIT / "index.json").read_text())["entries"]))
    return list(
        {
            sample["sha256"]: folder / sample["file"]
            for folder, samples in listed
            for sample in samples
            if sample["expect"] == "accept"
        }.values()
    )


def renamed(path: Path, purpose: str) -> Dataset:
    """The file as another instance in a study of its own, that no other test stores."""
    dataset = pydicom.dcmread(path)
    uid = functools.partial(generate_uid, prefix="2.25.")
    dataset.StudyInstanceUID = uid(entropy_srcs=[str(path), purpose, "study"])
    dataset.SeriesInstanceUID = uid(entropy_srcs=[str(path), purpose, "series"])
    dataset.SOPInstanceUID = uid(entropy_srcs=[str(path), purpose, "instance"])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    # Elements of the command of a message, which some files hold and pydicom writes to none.
    for element in dataset.group_dataset(0x0000):
        del dataset[element.tag]
    return dataset


def uids(dataset: Dataset) -> tuple[str, str, str]:
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID


def same_pixels(one: Dataset, other: Dataset) -> bool:
    """As bytes where the transfer syntax is the same, else as values."""
    if one.file_meta.TransferSyntaxUID == other.file_meta.TransferSyntaxUID:
        keywords = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
        return all(one.get(keyword) == other.get(keyword) for keyword in keywords)
    return bool((one.pixel_array == other.pixel_array).all())
