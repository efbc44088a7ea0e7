"""Locks between processes that the kernel drops however their holder ends; safe across fork.

A forked child shares its parent's locks through the inherited descriptors: it would keep them alive
and could change them. So a child closes what it inherits, and takes its own when it needs one.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    raise ImportError("The embedded database needs Unix: use WSL or Docker, or set DATABASE_URL.")

import fcntl

_open_descriptors: set[int] = set()
_held_shared_locks: set["SharedLock"] = set()


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a file alone, against other processes and other threads of this one."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        _close(descriptor)


class SharedLock:
    """A lock that many processes hold at once, so that one can ask whether it is the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process holds it; costs nothing."""
        return self._descriptor is not None

    def acquire(self) -> None:
        if self._descriptor is None:
            descriptor = _open(self.path)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            self._descriptor = descriptor
            _held_shared_locks.add(self)

    def release(self) -> None:
        if self._descriptor is not None:
            _close(self._descriptor)
            self.forget()

    def forget(self) -> None:
        self._descriptor = None
        _held_shared_locks.discard(self)

    def is_held_by_anyone(self) -> bool:
        descriptor = _open(self.path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            _close(descriptor)
        return False


def _open(path: Path) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    _open_descriptors.add(descriptor)
    return descriptor


def _close(descriptor: int) -> None:
    # Unlocked by word: closing alone would leave it to a child forked a moment ago.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    _open_descriptors.discard(descriptor)
    os.close(descriptor)


def _close_inherited_locks() -> None:
    for descriptor in _open_descriptors:
        os.close(descriptor)
    _open_descriptors.clear()
    for lock in list(_held_shared_locks):
        lock.forget()


os.register_at_fork(after_in_child=_close_inherited_locks)
