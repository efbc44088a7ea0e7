"""Pixels, decoded only when asked for and only in a child process with limits.

Decoders are written in C and read what strangers send: a crash, a loop or a flood of memory must
cost one thumbnail, not the server.
"""

import os
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore

from studies.errors import BusyError

_PROJECT = Path(__file__).resolve().parents[2]
_WALL_SECONDS = 30
_QUEUE_SECONDS = 10
_AT_ONCE = BoundedSemaphore(2)


def render_thumbnail(head: bytes, frame: bytes, transfer_syntax_uid: str) -> bytes | None:
    """A JPEG of one frame, or None if it cannot be decoded here within the limits.

    Args:
        head: The Part 10 file up to its pixel data, inflated where it was deflated.
        frame: The frame, little endian where native, as one codestream where compressed.
        transfer_syntax_uid: Of the object.

    Raises:
        BusyError: If there was no time for it, which says nothing of the frame.
    """
    command = [sys.executable, "-m", "studies.dicom.render", transfer_syntax_uid, str(len(head))]
    if not _AT_ONCE.acquire(timeout=_QUEUE_SECONDS):
        raise BusyError("Too many images are being drawn at the moment.")
    try:
        child = subprocess.run(  # noqa: S603 - our own module, no shell, no stranger's words
            command,
            input=head + frame,
            capture_output=True,
            cwd=_PROJECT,
            # Its threads would each reserve memory of the child's limit and do nothing.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            timeout=_WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BusyError("The image could not be drawn in time.") from None
    finally:
        _AT_ONCE.release()
    return child.stdout if child.returncode == 0 and child.stdout else None
