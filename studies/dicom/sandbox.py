"""Child processes with limits, in which everything is decoded and encoded.

Codecs are written in C and read what strangers send: a crash, a loop or a flood of memory must cost
one image, not the server. A child is forked off `worker`, a process that has all libraries loaded
and does nothing else, for to load them takes a hundred times as long as to draw an image. It has
none of the server's memory, secrets or connections.
"""

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any

from studies.errors import BusyError, NotAvailableError

_PROJECT = Path(__file__).resolve().parents[2]
_PROGRAM = [sys.executable, "-m", "studies.dicom.worker"]
_QUEUE_SECONDS = 10
# For a further frame of an answer that has begun: to give up would break it off.
_BEGUN_QUEUE_SECONDS = 60
# A worker that has to be started first loads its libraries.
_START_SECONDS = 30
_WALL_SECONDS = 30
# A frame of a few kilobytes may inflate to anything; none that is honest is larger.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
# A child that waits for its next frame costs no time, so only those that work are counted.
_AT_ONCE = BoundedSemaphore(2)

# Every message is a kind and a length, then as many bytes.
_HEADER = struct.Struct("<cQ")
DATA, REFUSAL = b"=", b"!"


def send(connection: socket.socket, content: bytes, kind: bytes = DATA) -> None:
    connection.sendall(_HEADER.pack(kind, len(content)))
    connection.sendall(content)


def receive(connection: socket.socket, *, max_bytes: int) -> tuple[bytes, bytearray] | None:
    """Kind and content of a message; None where the other side has closed or sends too much."""
    if (header := _receive_exactly(connection, _HEADER.size)) is None:
        return None
    kind, length = _HEADER.unpack(header)
    content = _receive_exactly(connection, length) if length <= max_bytes else None
    return None if content is None else (kind, content)


def _receive_exactly(connection: socket.socket, length: int) -> bytearray | None:
    content = bytearray(length)
    view = memoryview(content)
    while view:
        if not (count := connection.recv_into(view)):
            return None
        view = view[count:]
    return content


class Child:
    """A connection to a child process, which does one thing to one message after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answers = 0
        connection.settimeout(_WALL_SECONDS)

    def ask(self, message: bytes) -> bytes:
        """Its answer to one message.

        Raises:
            NotAvailableError: If it refuses, or dies of the message.
            BusyError: If there was no time for it, which says nothing of the message.
        """
        has_begun = self._answers > 1  # to the head, and to a frame
        if not _AT_ONCE.acquire(timeout=_BEGUN_QUEUE_SECONDS if has_begun else _QUEUE_SECONDS):
            raise BusyError("Too many images are being drawn at the moment.")
        try:
            send(self._connection, message)
            answer = receive(self._connection, max_bytes=MAX_ANSWER_BYTES)
        except TimeoutError:
            raise BusyError("The image could not be drawn in time.") from None
        except OSError:
            answer = None
        finally:
            _AT_ONCE.release()
        if answer is None:
            raise NotAvailableError("The pixel data cannot be decoded within the limits.")
        kind, content = answer
        if kind == REFUSAL:
            raise NotAvailableError(content.decode())
        self._answers += 1
        return bytes(content)


@contextmanager
def child(task: str, head: bytes, **arguments: Any) -> Iterator[Child]:
    """A new child that knows what to do with the frames of an object.

    It ends when its connection closes, at the latest when it is done with the frame at hand.

    Args:
        task: A name of `worker`'s.
        head: The Part 10 file up to its pixel data.
        arguments: Of the task, as JSON can say them.

    Raises:
        BusyError: If none can be started, which says nothing of the object.
        NotAvailableError: If it refuses the head, or dies of it.
    """
    with _new_child() as connection:
        new = Child(connection)
        new.ask(json.dumps([task, arguments]).encode() + b"\n" + head)
        yield new


def _new_child() -> socket.socket:
    """The connection to one that has said that it is there, before it reads anything."""
    for _ in range(3):  # a worker that was killed with this in its hands is noticed by the next
        ours, its = socket.socketpair()
        with its:
            is_asked = _WORKER.fork(its)
        if is_asked and _has_started(ours):
            return ours
        ours.close()
    raise BusyError("No process to draw images in can be started at the moment.")


def _has_started(connection: socket.socket) -> bool:
    connection.settimeout(_START_SECONDS)
    try:
        return receive(connection, max_bytes=0) is not None
    except OSError:
        return False


class _Worker:
    """The process that children are forked off; one for each server process, made when needed."""

    def __init__(self) -> None:
        self._forget()
        os.register_at_fork(after_in_child=self._forget)  # it belongs to who started it

    def _forget(self) -> None:
        self._lock = Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def fork(self, connection: socket.socket) -> bool:
        """Ask for a new child at the other end of this connection; False where that cannot be."""
        with self._lock:
            try:
                if self._running is None:
                    self._running = _start_worker()
                socket.send_fds(self._running[1], [b"."], [connection.fileno()])
            except OSError:  # somebody has killed it, or there is no room for another process
                self._stop()
                return False
            return True

    def _stop(self) -> None:
        if self._running:
            process, control = self._running
            self._running = None
            control.close()
            process.kill()
            process.wait()


def _start_worker() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(  # noqa: S603 - our own module, no words of strangers
            _PROGRAM,
            stdin=its.fileno(),
            stdout=subprocess.DEVNULL,
            cwd=_PROJECT,
            # Secrets stay here. Threads of numpy would reserve memory and forbid to fork.
            env={"OPENBLAS_NUM_THREADS": "1", "PATH": os.defpath},
            start_new_session=True,  # Ctrl-C is for the server, which closes the connection
        )
    return process, ours


_WORKER = _Worker()
