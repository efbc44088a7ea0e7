"""Files, folders and ZIP archives as a stream of candidates for `store_instance`."""

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings

from studies.dicom.multipart import Readable
from studies.errors import InvalidInstanceError
from studies.ingest import RefusedInput

MAX_ZIP_ENTRIES = 200_000
# Of one entry and of the whole archive; DICOM rarely reaches ten, a bomb a thousand.
MAX_ZIP_RATIO = 200
_SMALL = 64 * 1024 * 1024
_SMALL_ARCHIVE = 1024 * 1024 * 1024
# What zipfile and the decompressors raise on archives that are damaged, or of a kind they lack.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError,
    ValueError, LookupError, ArithmeticError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """One file to try: itself, or an entry of a ZIP archive, which is open while it is its turn.

    What is refused, an entry or a whole archive, is a candidate too, with the reason.
    """

    path: Path
    archive: zipfile.ZipFile | None = None
    entry: zipfile.ZipInfo | None = None
    refusal: str = ""

    @property
    def label(self) -> str:
        """Where it lies, in characters that a terminal and the database can hold."""
        name = f"{self.path}!{self.entry.filename}" if self.entry else str(self.path)
        return "".join(c if c.isprintable() else "\ufffd" for c in name)

    @contextmanager
    def open(self) -> Iterator[Readable]:
        """Its reader raises InvalidInstanceError for what is refused, a bomb or damaged."""
        if self.refusal:
            yield RefusedInput(InvalidInstanceError(self.refusal))
            return
        if self.archive is None or self.entry is None:
            with self.path.open("rb") as file:
                yield file
            return
        reader = _EntryReader(self.archive, self.entry)
        try:
            yield reader
        finally:
            reader.close()


class _EntryReader:
    """Opens the entry at the first read, so that who reads is told why it cannot be read."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        self._archive = archive
        self._entry = entry
        self._file: IO[bytes] | None = None

    def read(self, size: int = -1, /) -> bytes:
        with _as_invalid():
            self._file = self._file or self._archive.open(self._entry)
            return self._file.read(size)

    def close(self) -> None:
        if self._file:
            self._file.close()


@contextmanager
def _as_invalid() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        reason = f"the archive's entry cannot be read ({type(error).__name__})"
        raise InvalidInstanceError(reason) from error


def candidates(paths: Iterable[Path]) -> Iterator[Candidate]:
    """Every regular file below the paths in a stable order, archives unpacked one level deep.

    Links inside a folder are not followed; a DICOMDIR is skipped, since it only lists others. A
    damaged archive is a candidate itself.

    Raises:
        FileNotFoundError: If at a path is neither a file nor a folder.
        OSError: If a folder cannot be read.
    """
    for path in paths:
        if not (path.is_file() or path.is_dir()):
            raise FileNotFoundError(path)
        for file in _files(path):
            archive = _archive(file)
            if archive is None:
                yield Candidate(file)
                continue
            with archive:
                if reason := _refusal_of_archive(archive):
                    yield Candidate(file, refusal=reason)
                    continue
                for entry in _entries(archive):
                    yield Candidate(file, archive, entry, _refusal(entry))


def _files(path: Path) -> Iterator[Path]:
    waiting = [path]
    while waiting:
        current = waiting.pop()
        named = current == path
        if current.is_symlink() and not named:
            continue
        if current.is_dir():
            waiting.extend(sorted(current.iterdir(), reverse=True))
        elif current.is_file() and (named or current.name.upper() != "DICOMDIR"):
            yield current


def _archive(path: Path) -> zipfile.ZipFile | None:
    if not zipfile.is_zipfile(path) or _is_dicom(path):
        return None
    try:
        return zipfile.ZipFile(path)
    except _UNREADABLE:
        return None


def _is_dicom(path: Path) -> bool:
    """A Part 10 file may carry a ZIP at its end (or in its preamble) and still be one."""
    with path.open("rb") as file:
        file.seek(128)
        return file.read(4) == b"DICM"


def _refusal_of_archive(archive: zipfile.ZipFile) -> str:
    """Why nothing of it is read, empty if it is."""
    entries = archive.infolist()
    if len(entries) > MAX_ZIP_ENTRIES:
        return f"the archive has more than {MAX_ZIP_ENTRIES} entries"
    packed_bytes = Path(str(archive.filename)).stat().st_size
    inflated_bytes = sum(entry.file_size for entry in entries if not _refusal(entry))
    if inflated_bytes > max(_SMALL_ARCHIVE, MAX_ZIP_RATIO * packed_bytes):
        return "the archive inflates beyond any honest size"
    return ""


def _entries(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    for entry in archive.infolist():
        is_link = stat.S_ISLNK(entry.external_attr >> 16)
        if not (entry.is_dir() or is_link or Path(entry.filename).name.upper() == "DICOMDIR"):
            yield entry


def _refusal(info: zipfile.ZipInfo) -> str:
    """Why an entry is not read, empty if it is.

    The reader stops at the size that the archive states, so stating less gains nothing.
    """
    if info.file_size > settings.PACS_MAX_INSTANCE_BYTES:
        return "the archive's entry is larger than any instance may be"
    if info.file_size > max(_SMALL, MAX_ZIP_RATIO * info.compress_size):
        return "the archive's entry inflates beyond any honest size"
    if info.flag_bits & 0x1:
        return "the archive's entry is encrypted"
    return ""
