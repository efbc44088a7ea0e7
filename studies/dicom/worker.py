"""The program that decodes, see `sandbox`: forks a child with limits for each connection given."""

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import math
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable

from PIL import Image

from studies.dicom import render, sandbox, transcode
from studies.errors import NotAvailableError

# Of a child, its own 200 MB included.
_MEMORY_BYTES = 2 * 1024**3
# Of a child for one message.
_CPU_SECONDS = 20
# Longer than the server waits: then it has given up, for which the image may have no fault.
_WALL_SECONDS = 40
# Of a child, for the font and what libraries load late.
_OPEN_FILES = 16
# linux/prctl.h
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38

Handler = Callable[[bytes], bytes]
# What a child may do; each takes the head of an object and answers every message after that.
_TASKS: dict[str, Callable[..., Handler]] = {
    "transcode": transcode.transcoder,
    "render": render.renderer,
}


def main() -> None:
    """Fork until the server is gone."""
    _renounce()
    control = socket.socket(fileno=sys.stdin.fileno())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a child ended
    _load_libraries()
    gc.freeze()  # or the first collection of each child would copy all of this
    while True:
        message, descriptors, *_ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        for descriptor in descriptors:
            with contextlib.suppress(OSError):  # no room: the server sees its connection close
                if os.fork() == 0:
                    control.close()
                    _be_child(socket.socket(fileno=descriptor))
            os.close(descriptor)


def _renounce() -> None:
    """Never gain privileges, and let no process of the same user look inside (prctl(2))."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_DUMPABLE, 0)):
            library.prctl(option, value, 0, 0, 0)


def _load_libraries() -> None:
    """What they would load themselves when they need it, in each child anew."""
    importlib.import_module("numpy.ma")
    Image.preinit()
    if importlib.util.find_spec("imagecodecs"):  # not on Alpine
        codecs = importlib.import_module("imagecodecs")
        for name in ("jpeg8", "jpegls", "jpeg2k", "htj2k", "dicomrle", "packbits"):
            getattr(codecs, f"{name}_decode")


def _be_child(connection: socket.socket) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    # Libraries complain on the standard error of what they read, which is nobody's business.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    with contextlib.suppress(OSError):  # the server has closed the connection
        sandbox.send(connection, b"")  # it is there, so whatever ends it now is of the message
        serve(connection)
    os._exit(0)


def serve(connection: socket.socket) -> None:
    """Answer every message until the other side closes, or a first one cannot be answered."""
    handle: Handler | None = None
    while message := sandbox.receive(connection, max_bytes=sys.maxsize):
        content = bytes(message[1])
        _allow_time()
        try:
            if handle is None:
                handle, answer = start(content), b""
            else:
                answer = handle(content)
        except NotAvailableError as error:
            sandbox.send(connection, str(error).encode(), sandbox.REFUSAL)
            return
        except Exception as error:  # of whatever library; its own words may quote
            reason = f"The pixel data cannot be decoded ({type(error).__name__})."
            sandbox.send(connection, reason.encode(), sandbox.REFUSAL)
            return
        sandbox.send(connection, answer)
        signal.setitimer(signal.ITIMER_REAL, 0)  # to wait for the next costs nothing


def start(content: bytes) -> Handler:
    """The task that the first message names, with its arguments and the head of the object."""
    order, _, head = content.partition(b"\n")
    name, arguments = json.loads(order)
    return _TASKS[name](head, **arguments)


def _allow_time() -> None:
    """So much for the message at hand; the kernel ends what takes longer."""
    usage, (_, hard) = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrlimit(resource.RLIMIT_CPU),
    )
    used = math.ceil(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used + _CPU_SECONDS, hard))
    signal.setitimer(signal.ITIMER_REAL, _WALL_SECONDS)


if __name__ == "__main__":
    main()
