"""CT studies of many slices for `bench.viewer`: a few phantoms, over and over, at new places."""

import io
import itertools
from dataclasses import dataclass
from pathlib import Path

import pydicom

from studies.synthetic.phantoms import CATALOGUE

PHANTOM = "ct-torso-axial"
SPACING_MM = 0.5


@dataclass(frozen=True)
class CtStudy:
    slices: int

    @property
    def study_instance_uid(self) -> str:
        return f"2.25.77{self.slices:05d}"

    def write(self, directory: Path) -> Path:
        """A Part 10 file of half a megabyte for each slice: 512 × 512, 16 bits, not compressed."""
        (series,) = (series for series in CATALOGUE if series.name == PHANTOM)
        directory.mkdir()
        phantoms = [pydicom.dcmread(io.BytesIO(content)) for content in series.instances()]
        there_and_back = itertools.cycle([*phantoms, *reversed(phantoms)])
        for number, dataset in zip(range(1, self.slices + 1), there_and_back, strict=False):
            self._place(dataset, number)
            dataset.save_as(directory / f"{number:05d}.dcm")
        return directory

    def _place(self, dataset: pydicom.Dataset, number: int) -> None:
        uid = self.study_instance_uid
        dataset.PatientName, dataset.PatientID = "BENCHMARK^CT", "BENCH-VIEWER"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid, f"{uid}.1"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{uid}.1.{number}"
        dataset.InstanceNumber = number
        across, down, _ = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [across, down, -SPACING_MM * number]
        dataset.SliceLocation = -SPACING_MM * number
        dataset.SliceThickness = dataset.SpacingBetweenSlices = SPACING_MM
