"""A CT study of 200 different slices of 512 × 512, about 0.5 MB each, as often as it is needed."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from studies.synthetic import ct
from studies.synthetic.anatomy.torso import HOUNSFIELD, paint_torso
from studies.synthetic.part10 import PhantomSeries, derived_uid
from studies.synthetic.stack import centered_stack

SLICES = 200
BOUNDARY = "between-the-instances"
CONTENT_TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
_NAME = "bench-ct"
_PART = f"\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
_END = f"\r\n--{BOUNDARY}--\r\n".encode()
_SERIAL_DIGITS = 12
_KEPT = "123456789012"
_serials = itertools.count()


@dataclass(frozen=True)
class Slice:
    """A Part 10 file in two parts, of which only the first names its UIDs."""

    head: bytes
    pixels: bytes


@dataclass(frozen=True)
class CtStudy:
    """Its UIDs end in a serial number of fixed length; another number makes another study.

    Attributes:
        slices: In their order.
        patient_id: Of the same length for every copy.
        serial: The digits in which the UIDs end.
    """

    slices: tuple[Slice, ...]
    patient_id: str = "BENCH-KEPT"
    serial: str = _KEPT

    @property
    def study_uid(self) -> str:
        return _numbered(derived_uid(f"study of {_NAME}"), self.serial)

    @property
    def series_uid(self) -> str:
        return _numbered(derived_uid(f"series {_NAME}"), self.serial)

    @property
    def sop_uids(self) -> list[str]:
        numbers = range(1, len(self.slices) + 1)
        return [_numbered(derived_uid(f"{_NAME}/{number}"), self.serial) for number in numbers]

    def another(self, patient_id: str, client: int) -> "CtStudy":
        """The same study under UIDs that no other client and no earlier run has used."""
        serial = f"{client:02d}{time.time_ns() // 1_000_000 % 10**8:08d}{next(_serials) % 100:02d}"
        assert len(patient_id) == len(self.patient_id)
        old = self.serial.encode()
        slices = (
            replace(
                one,
                head=one.head.replace(old, serial.encode()).replace(
                    self.patient_id.encode(), patient_id.encode()
                ),
            )
            for one in self.slices
        )
        return CtStudy(tuple(slices), patient_id, serial)

    def moved_to(self, other: "CtStudy") -> "CtStudy":
        """The same series and instances in the study of another copy."""
        old, new = self.study_uid.encode(), other.study_uid.encode()
        return replace(
            self, slices=tuple(replace(one, head=one.head.replace(old, new)) for one in self.slices)
        )

    def files(self) -> Iterator[bytes]:
        for one in self.slices:
            yield one.head + one.pixels

    @property
    def multipart_bytes(self) -> int:
        return sum(map(len, self.multipart()))

    def multipart(self) -> Iterator[bytes]:
        """Body of a STOW-RS request (PS3.18 10.5)."""
        for one in self.slices:
            yield _PART + one.head
            yield one.pixels
        yield _END


def _numbered(uid: str, serial: str) -> str:
    return uid[:-_SERIAL_DIGITS] + serial


def make(directory: Path) -> CtStudy:
    """Draw the study, or read what an earlier run has drawn."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{number:04d}.dcm" for number in range(1, SLICES + 1)]
    if not all(path.exists() for path in paths):
        for path, content in zip(paths, _drawn(), strict=True):
            path.write_bytes(content)
    return CtStudy(tuple(_split(path.read_bytes()) for path in paths))


def _drawn() -> Iterator[bytes]:
    stack = centered_stack(
        "torso", "axial", (512, 512), 0.78, middle=(0, 0, 12), slices=(SLICES, -2, 2)
    )
    technique = {
        **ct.technique("AXIAL", "B31f", 220, ct.SOFT_TISSUE_AND_LUNG),
        "PatientName": "BENCHMARK^CT", "PatientID": CtStudy.patient_id, "PatientSex": "O",
        "StudyDate": "20260101", "StudyTime": "120000", "AccessionNumber": "BENCH",
    }  # fmt: skip
    scan = ct.Scan(stack, HOUNSFIELD, paint_torso, 13, technique)
    series = PhantomSeries(_NAME, "CT", "CHEST", "Axial 2.0", SLICES, scan.draw)
    uids = [f"study of {_NAME}", f"series {_NAME}", *(f"{_NAME}/{n}" for n in range(1, SLICES + 1))]
    for content in series.instances():
        numbered = content
        for uid in map(derived_uid, (uids[0], uids[1], uids.pop(2))):
            numbered = numbered.replace(uid.encode(), _numbered(uid, _KEPT).encode())
        yield numbered


def _split(content: bytes) -> Slice:
    pixels = 512 * 512 * 2
    return Slice(content[:-pixels], content[-pixels:])
