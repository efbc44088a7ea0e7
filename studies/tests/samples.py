"""What tests of files share: the real ones that pydicom brings along, parsing, a full disk."""

import io
import itertools
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from studies.dicom.byte_order import swap_words
from studies.dicom.frames import join_fragments
from studies.dicom.parse import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    ParsedInstance,
    inflate,
    parse_instance,
    read_meta,
)
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


def taken_apart(content: bytes) -> tuple[bytes, list[bytes], str]:
    """Head, frames and transfer syntax, as retrieval finds them."""
    parsed = parse(content)
    found, syntax = parsed.frames, parsed.transfer_syntax_uid
    if syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        flat = io.BytesIO()
        inflate(content, read_meta(content)[1], flat, max_bytes=2**30)
        content = flat.getvalue()
    head = content[: found.offset - (8 if syntax == IMPLICIT_VR_LITTLE_ENDIAN else 12)]
    if found.frame_starts:
        pairs = itertools.pairwise(found.frame_starts)
        return head, [join_fragments(content[start:end]) for start, end in pairs], syntax
    count = found.length // found.frame_length
    starts = [found.offset + n * found.frame_length for n in range(count)]
    frames = [content[start : start + found.frame_length] for start in starts]
    bits = parsed.header["00280100"]["Value"][0]
    if syntax == EXPLICIT_VR_BIG_ENDIAN and bits > 8:
        frames = [swap_words(frame, bits // 8) for frame in frames]
    return head, frames, syntax


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
