"""Child processes that may crash, loop or starve without harm."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings

from studies.dicom import sandbox
from studies.dicom.pixels import render_thumbnail, transcode_frames
from studies.errors import BusyError, NotAvailableError
from studies.tests.builders import EXPLICIT, RLE, make_encapsulated
from studies.tests.samples import TEST_FILES, taken_apart

CT = TEST_FILES / "CT_small.dcm"


def thumbnail() -> bytes | None:
    head, frames, syntax = taken_apart(CT.read_bytes())
    return render_thumbnail(head, frames[0], syntax)


def assert_soon(condition) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError


@pytest.fixture
def worker(monkeypatch):
    """A worker process of this test's own."""
    worker = sandbox._Worker()
    monkeypatch.setattr(sandbox, "_WORKER", worker)
    yield worker
    worker._stop()


def test_a_worker_that_was_killed_is_replaced(worker):
    thumbnail()
    process, _ = worker._running
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert thumbnail()
    assert worker._running[0].pid != process.pid


def test_a_worker_that_dies_with_a_request_in_its_hands_is_replaced(worker):
    thumbnail()
    process, _ = worker._running
    os.kill(process.pid, signal.SIGSTOP)  # it takes no more, so the request waits for it
    drawn = []
    asking = threading.Thread(target=lambda: drawn.append(thumbnail()))
    asking.start()
    asking.join(0.3)
    os.kill(process.pid, signal.SIGKILL)
    asking.join()

    assert drawn[0]
    assert worker._running[0].pid != process.pid


def test_a_worker_that_cannot_start_says_nothing_of_the_image(worker, monkeypatch):
    monkeypatch.setattr(sandbox, "_PROGRAM", [sys.executable, "-c", "raise SystemExit(1)"])

    with pytest.raises(BusyError, match="can be started"):
        thumbnail()


def test_a_fork_that_fails_costs_one_image_and_not_the_worker(worker, monkeypatch):
    code = """
        import os
        from studies.dicom import worker
        fork, refused = os.fork, [True] * 3
        def sometimes():
            if refused:
                refused.pop()
                raise BlockingIOError("no room")
            return fork()
        os.fork = sometimes
        worker.main()
    """
    monkeypatch.setattr(sandbox, "_PROGRAM", [sys.executable, "-c", textwrap.dedent(code)])

    with pytest.raises(BusyError, match="can be started"):
        thumbnail()
    process, _ = worker._running

    assert thumbnail()
    assert worker._running[0] is process


def test_a_death_that_does_not_repeat_is_no_fault_of_the_image(worker, monkeypatch, tmp_path):
    code = f"""
        import os, pathlib
        from studies.dicom import worker
        renderer, first = worker._TASKS["render"], pathlib.Path({str(tmp_path / "first")!r})
        def mortal(*arguments, **wishes):
            if first.exists():
                first.unlink()
                os.abort()
            return renderer(*arguments, **wishes)
        worker._TASKS["render"] = mortal
        worker.main()
    """
    monkeypatch.setattr(sandbox, "_PROGRAM", [sys.executable, "-c", textwrap.dedent(code)])
    (tmp_path / "first").touch()

    assert thumbnail()
    assert not (tmp_path / "first").exists()


def tell(monkeypatch, words: str) -> str:
    """What this expression is in a child."""
    code = f"""
        import ctypes, os, resource
        from studies.dicom import worker
        worker._TASKS["tell"] = lambda head: lambda message: str({words}).encode()
        worker.main()
    """
    monkeypatch.setattr(sandbox, "_PROGRAM", [sys.executable, "-c", textwrap.dedent(code)])
    with sandbox.child("tell", b"head") as child:
        return child.ask(b"frame").decode()


def test_a_child_knows_no_secrets(worker, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://user:secret@host/db")

    environment = tell(monkeypatch, "dict(os.environ)")

    assert "OPENBLAS_NUM_THREADS" in environment
    assert "secret" not in environment


def test_a_child_has_renounced_what_it_does_not_need(worker, monkeypatch):
    limits = (f"resource.getrlimit(resource.RLIMIT_{n})[1]" for n in ("NPROC", "FSIZE", "NOFILE"))
    # linux/prctl.h: whether it may gain privileges, and be looked into.
    options = (f"ctypes.CDLL(None).prctl({number}, 0, 0, 0, 0)" for number in (39, 3))

    assert tell(monkeypatch, f"[{', '.join([*limits, *options])}]") == "[0, 0, 16, 1, 0]"


def test_the_worker_ends_with_the_server():
    code = """
        import pathlib
        from studies.dicom import sandbox
        from studies.tests.test_sandbox import thumbnail
        assert thumbnail()
        print(sandbox._WORKER._running[0].pid)
    """
    server = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "pacs_portal.settings_test"},
        capture_output=True, text=True, cwd=settings.BASE_DIR, timeout=60, check=False,
    )  # fmt: skip

    assert server.returncode == 0, server.stderr
    assert_soon(lambda: not Path(f"/proc/{server.stdout.strip()}").exists())


def test_a_process_that_was_forked_starts_a_worker_of_its_own(worker):
    thumbnail()

    if (child := os.fork()) == 0:
        os._exit(0 if worker._running is None else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert worker._running is not None


def test_a_child_that_takes_too_long_is_given_up(worker, monkeypatch):
    monkeypatch.setattr(sandbox, "_WALL_SECONDS", 0.0001)

    with pytest.raises(BusyError, match="in time"):
        thumbnail()


def test_who_waits_too_long_for_a_turn_is_told_so(monkeypatch):
    monkeypatch.setattr(sandbox, "_QUEUE_SECONDS", 0.05)
    monkeypatch.setattr(sandbox, "_AT_ONCE", threading.BoundedSemaphore(1))
    sandbox._AT_ONCE.acquire()

    with pytest.raises(BusyError, match="at the moment"):
        thumbnail()


def test_who_has_begun_to_answer_waits_longer_than_who_has_not(monkeypatch):
    monkeypatch.setattr(sandbox, "_QUEUE_SECONDS", 0.05)
    monkeypatch.setattr(sandbox, "_AT_ONCE", threading.BoundedSemaphore(1))
    head, frames, syntax = taken_apart(CT.read_bytes())
    begun = transcode_frames(head, frames * 2, source=syntax, target=RLE)
    first = next(begun)
    sandbox._AT_ONCE.acquire()
    threading.Timer(0.3, sandbox._AT_ONCE.release).start()

    assert next(begun) == first
    begun.close()


def test_a_reader_who_takes_time_keeps_nobody_waiting(monkeypatch):
    monkeypatch.setattr(sandbox, "_QUEUE_SECONDS", 0.05)
    monkeypatch.setattr(sandbox, "_AT_ONCE", threading.BoundedSemaphore(1))
    head, frames, syntax = taken_apart(CT.read_bytes())
    slow = transcode_frames(head, frames * 2, source=syntax, target=RLE)
    next(slow)

    assert thumbnail()
    slow.close()


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param("while True: pass", id="loop"),
        pytest.param("import time; time.sleep(60)", id="sleep"),
        pytest.param("bytearray(3 * 1024**3)", id="memory"),
        pytest.param("import os; os.abort()", id="crash"),
        pytest.param("open('/tmp/a-file', 'wb').write(bytes(9))", id="file"),
        pytest.param("return bytes(300 * 1024**2)", id="flood"),
        pytest.param("raise KeyError('Smith^John')", id="complaint"),
    ],
)
def test_a_decoder_that_runs_wild_costs_one_image(worker, monkeypatch, tmp_path, deed):
    code = f"""
        from studies.dicom import worker
        def wild(head):
            def act(message):
                {deed}
            return act
        worker._TASKS["wild"] = wild
        worker._CPU_SECONDS, worker._WALL_SECONDS = 1, 2
        worker.main()
    """
    monkeypatch.setattr(sandbox, "_PROGRAM", [sys.executable, "-c", textwrap.dedent(code)])

    with (
        sandbox.child("wild", b"head") as child,
        pytest.raises(NotAvailableError, match="cannot be decoded") as refusal,
    ):
        child.ask(b"frame")

    assert "Smith" not in str(refusal.value)
    assert thumbnail()


@pytest.mark.parametrize(
    ("bits", "size"), [pytest.param(16, 60000, id="7 GB"), pytest.param(8, 20000, id="400 MB")]
)
def test_a_header_that_promises_gigabytes_costs_neither_time_nor_memory(bits, size):
    segments = b"\x01\0\0\0\x40\0\0\0" + bytes(56) + b"\x81\x00" * 1000
    content = make_encapsulated(
        [segments], Rows=size, Columns=size, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1
    )
    head, frames, syntax = taken_apart(content)

    began = time.monotonic()
    with pytest.raises(NotAvailableError):
        list(transcode_frames(head, frames, source=syntax, target=EXPLICIT))
    assert time.monotonic() - began < 20
