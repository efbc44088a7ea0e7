"""Files, folders and ZIP archives as a stream of candidates for `store_instance`."""

import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from studies.errors import InvalidInstanceError

MAX_ZIP_ENTRIES = 200_000
# Of one entry; DICOM rarely reaches ten, a bomb a thousand.
MAX_ZIP_RATIO = 200
_SMALL = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Candidate:
    """One file to try: itself, or an entry of a ZIP archive."""

    path: Path
    entry: str = ""

    @property
    def label(self) -> str:
        return f"{self.path}!{self.entry}" if self.entry else str(self.path)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Raises InvalidInstanceError for an entry that promises to be a bomb."""
        if not self.entry:
            with self.path.open("rb") as file:
                yield file
            return
        with zipfile.ZipFile(self.path) as archive:
            info = archive.getinfo(self.entry)
            _check_entry(info)
            with archive.open(info) as file:
                yield file  # type: ignore[misc]


def candidates(paths: Iterable[Path]) -> Iterator[Candidate]:
    """Every regular file below the paths in a stable order, archives unpacked one level deep.

    Links inside a folder are not followed; a DICOMDIR is skipped, since it only lists others.

    Raises:
        FileNotFoundError: If a path does not exist.
        InvalidInstanceError: If an archive has too many entries.
    """
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(path)
        for file in _files(path):
            if zipfile.is_zipfile(file) and not _is_dicom(file):
                yield from _entries(file)
            else:
                yield Candidate(file)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for child in sorted(path.iterdir()):
        if child.is_symlink():
            continue
        if child.is_dir():
            yield from _files(child)
        elif child.is_file() and child.name.upper() != "DICOMDIR":
            yield child


def _is_dicom(path: Path) -> bool:
    """A Part 10 file may carry a ZIP at its end (or in its preamble) and still be one."""
    with path.open("rb") as file:
        file.seek(128)
        return file.read(4) == b"DICM"


def _entries(path: Path) -> Iterator[Candidate]:
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    if len(infos) > MAX_ZIP_ENTRIES:
        raise InvalidInstanceError(f"the archive has more than {MAX_ZIP_ENTRIES} entries")
    for info in infos:
        mode = info.external_attr >> 16
        if info.is_dir() or stat.S_ISLNK(mode) or Path(info.filename).name.upper() == "DICOMDIR":
            continue
        yield Candidate(path, info.filename)


def _check_entry(info: zipfile.ZipInfo) -> None:
    """The reader stops at the size that the archive states, so stating less gains nothing."""
    if info.file_size > settings.PACS_MAX_INSTANCE_BYTES:
        raise InvalidInstanceError("the archive's entry is larger than any instance may be")
    if info.file_size > max(_SMALL, MAX_ZIP_RATIO * info.compress_size):
        raise InvalidInstanceError("the archive's entry inflates beyond any honest size")
    if info.flag_bits & 0x1:
        raise InvalidInstanceError("the archive's entry is encrypted")
