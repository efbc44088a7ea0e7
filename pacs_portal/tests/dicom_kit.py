"""The files that testers share: what of them an archive must accept."""

import json

import pydicom
import pytest
from django.conf import settings
from pydicom.uid import generate_uid

KIT = settings.BASE_DIR.parent / "shared" / "dicom-kit"


def accepted_datasets(*, salt: str) -> dict[str, pydicom.FileDataset]:
    """By the name of the file, under UIDs of their own for each salt.

    Some files are one instance in several encodings, which no archive holds side by side.
    """
    if not KIT.is_dir():
        pytest.skip(f"{KIT} is not there")
    entries = json.loads((KIT / "index.json").read_text())["entries"]
    names = [entry["file"] for entry in entries if entry["expect"] == "accept"]
    return {name: _renamed(name, salt) for name in names}


def _renamed(name: str, salt: str) -> pydicom.FileDataset:
    dataset = pydicom.dcmread(KIT / name)
    for element in dataset.group_dataset(0x0000):  # which one file has, and none may
        del dataset[element.tag]
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[salt, dataset.StudyInstanceUID])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[salt, dataset.SeriesInstanceUID])
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[salt, name])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset
