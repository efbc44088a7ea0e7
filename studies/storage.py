"""Object keys; put, open, delete: the only user of the object store.

A key is ours alone (random, never a value of a file). An object is put once and never changed, and
`put` returns only when it is durable: the local store fsyncs file and directories, a remote store
has acknowledged it.
"""

import io
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from django.conf import settings

from studies.errors import StorageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CHUNK_BYTES = 1024 * 1024
_ABANDONED_SECONDS = 24 * 60 * 60


class ObjectStore(Protocol):
    def spool(self) -> Path | None:
        """Where input is gathered before it is put; None for the system's temporary directory."""

    def put(self, key: str, path: Path) -> None:
        """Take over the file at `path` under `key`, durably."""

    def read(self, key: str, start: int, end: int) -> bytes:
        """Bytes `start` up to `end`, which is not included."""

    def stream(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """The same in pieces of at most `CHUNK_BYTES`."""

    def size(self, key: str) -> int:
        """Bytes of the object; raises StorageError where there is none."""

    def delete(self, key: str) -> None:
        """Remove it; no error where there is none."""


def new_key(kind: str) -> str:
    """A key that nothing has had before, spread over directories; `kind` groups for operators."""
    name = uuid.uuid4().hex
    return f"{kind}/{name[:2]}/{name[2:4]}/{name}"


class LocalStore:
    """A directory. Everything under it is readable by its owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._durable_directories: set[Path] = set()

    def spool(self) -> Path:
        spool = self._root / "incoming"
        if spool not in self._durable_directories:
            self._make_durable_directory(spool)
            _sweep(spool)
        return spool

    def put(self, key: str, path: Path) -> None:
        target = self._root / key
        self._make_durable_directory(target.parent)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(target)
        try:
            _fsync_directory(target.parent)
        except OSError:
            target.unlink(missing_ok=True)
            raise

    def read(self, key: str, start: int, end: int) -> bytes:
        with (self._root / key).open("rb", buffering=0) as file:
            return b"".join(_read(file.fileno(), start, end))

    def stream(self, key: str, start: int, end: int) -> Iterator[bytes]:
        with (self._root / key).open("rb", buffering=0) as file:
            for first, last in _pieces(start, end):
                yield os.pread(file.fileno(), last - first, first)

    def size(self, key: str) -> int:
        return (self._root / key).stat().st_size

    def delete(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)

    def _make_durable_directory(self, directory: Path) -> None:
        """Make the way down, and fsync it once per process: another may have made it and died."""
        if directory in self._durable_directories:
            return
        inside = directory == self._root or self._root in directory.parents
        if directory.exists() and not inside:
            return
        self._make_durable_directory(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)
        _fsync_directory(directory.parent)
        self._durable_directories.add(directory)


def _read(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """Up to the end of the file: the system reads less than 2 GiB at once."""
    while start < end and (piece := os.pread(descriptor, end - start, start)):
        start += len(piece)
        yield piece


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    for position in range(start, end, CHUNK_BYTES):
        yield position, min(end, position + CHUNK_BYTES)


def _sweep(spool: Path) -> None:
    """Remove what processes left that were killed while they gathered input."""
    for path in spool.glob("*.part"):
        with suppress(FileNotFoundError):  # another process sweeps too
            if path.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                path.unlink()


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class RemoteStore:
    """S3, GCS or Azure; credentials come from the provider's own environment variables."""

    def __init__(self, url: str) -> None:
        # A sender waits for the acknowledgement: rather an error that it can repeat than minutes.
        self._store = obstore.store.from_url(
            url,
            retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=20)},
        )

    def spool(self) -> None:
        return None

    def put(self, key: str, path: Path) -> None:
        obstore.put(self._store, key, path)

    def read(self, key: str, start: int, end: int) -> bytes:
        return bytes(obstore.get_range(self._store, key, start=start, end=end))

    def stream(self, key: str, start: int, end: int) -> Iterator[bytes]:
        # Piece by piece, so that a slow client holds no connection to the store.
        for first, last in _pieces(start, end):
            yield self.read(key, first, last)

    def size(self, key: str) -> int:
        return int(obstore.head(self._store, key)["size"])

    def delete(self, key: str) -> None:
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return


@lru_cache(maxsize=8)
def _store_at(url: str) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)))
    return RemoteStore(url)


def _store() -> ObjectStore:
    return _store_at(settings.OBJECT_STORE_URL)


@contextmanager
def spooled() -> Iterator[IO[bytes]]:
    """A named file to gather input in; gone afterwards unless it was put."""
    with _as_storage_error("gather input"):
        descriptor, name = tempfile.mkstemp(dir=_store().spool(), suffix=".part")
    path = Path(name)
    try:
        with io.BufferedRandom(_SpoolFile(path, descriptor)) as file:
            yield file
    finally:
        path.unlink(missing_ok=True)


class _SpoolFile(io.FileIO):
    """A full disk is the store's failure, not one of the input that is being read."""

    def __init__(self, path: Path, descriptor: int) -> None:
        super().__init__(path, "r+", opener=lambda *_: descriptor)

    def write(self, content: "ReadableBuffer", /) -> int:
        with _as_storage_error("gather input"):
            return super().write(content)


def put(key: str, file: IO[bytes]) -> None:
    """Keep a spooled file under `key`; durable on return.

    Raises:
        StorageError: If it could not be made durable; then nothing may be acknowledged.
    """
    with _as_storage_error("write"):
        file.flush()
        _store().put(key, Path(file.name))


def put_bytes(key: str, content: bytes) -> None:
    """As `put`, for something small that we made ourselves."""
    with spooled() as file:
        file.write(content)
        put(key, file)


def size(key: str) -> int:
    with _as_storage_error("find"):
        return _store().size(key)


def read(key: str, start: int, end: int) -> bytes:
    """Bytes `start` up to `end`.

    Raises:
        StorageError: If the object is gone or shorter than that.
    """
    if start == end:  # which remote stores refuse to answer
        return b""
    with _as_storage_error("read"):
        content = _store().read(key, start, end)
    if len(content) != end - start:
        raise StorageError("an object is shorter than the index says")
    return content


def stream(key: str, start: int, end: int) -> Iterator[bytes]:
    """The same in pieces of bounded size, from a file that is opened once."""
    left = end - start
    with _as_storage_error("read"):
        for piece in _store().stream(key, start, end):
            if len(piece) != min(left, CHUNK_BYTES):
                raise StorageError("an object is shorter than the index says")
            left -= len(piece)
            yield piece


def delete(key: str) -> None:
    with _as_storage_error("delete"):
        _store().delete(key)


@contextmanager
def _as_storage_error(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, obstore.exceptions.BaseError) as error:
        raise StorageError(f"the object store could not {what} ({type(error).__name__})") from error
