"""What tests of files share: the real ones that pydicom brings along, parsing, a full disk."""

import io
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from studies.dicom.parse import ParsedInstance, parse_instance
from studies.tests.builders import SAMPLES

TEST_FILES = SAMPLES / "test_files"
CHARSET_FILES = SAMPLES / "charset_files"


@contextmanager
def full_disk(free_bytes: int) -> Iterator[None]:
    """No file may grow beyond this: what a full disk looks like to a process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def parse(content: bytes, *, max_bytes: int = 2**30) -> ParsedInstance:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return parse_instance(file, max_bytes=max_bytes)


def read(content: bytes) -> Dataset:
    """What pydicom itself makes of it."""
    return pydicom.dcmread(io.BytesIO(content))


def part_10_files() -> list[Path]:
    """All samples that carry the DICM prefix, in a stable order."""
    files = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
    return [path for path in files if path.read_bytes()[128:132] == b"DICM"]


def name_of(path: Path) -> str:
    """Relative to pydicom's data directory."""
    return path.relative_to(SAMPLES).as_posix()
