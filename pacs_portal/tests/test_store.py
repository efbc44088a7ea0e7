"""Storing at a running portal: what only a real server and real sockets can show."""

import base64
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from pacs_portal.tests.running_portal import RunningPortal, wait_for
from studies.dicom.multipart import write_parts
from studies.tests.builders import make_file
from studies.tests.stow import stored

pytestmark = [pytest.mark.timeout(300)]

FORM = 'multipart/related; type="application/dicom"; boundary=b'
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def token(make_token: Callable[[str], str]) -> str:
    return make_token("technologist")


@pytest.fixture
def machine(portal: RunningPortal, token: str) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        session.headers["Content-Type"] = FORM
        yield session


def an_instance(uid: str, **attributes) -> bytes:
    return make_file(
        StudyInstanceUID=f"{uid}.1", SeriesInstanceUID=f"{uid}.2", SOPInstanceUID=f"{uid}.3",
        PatientID=uid, **attributes,
    )  # fmt: skip


def body(*files: bytes) -> bytes:
    return b"".join(write_parts("b", [("application/dicom", [file]) for file in files]))


def a_large_instance(uid: str, size: int) -> Iterator[bytes]:
    """A Part 10 file whose pixels are made while it is sent."""
    yield an_instance(uid, PixelData=None, Rows=size // 2 // 4096, Columns=4096)
    yield b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little")
    for _ in range(size // MIB):
        yield bytes(MIB)


def test_a_body_without_a_length_is_stored(portal, machine):
    content = body(an_instance("2.25.501"))

    response = machine.post(
        f"{portal.url}/dicom-web/studies", data=(content[i : i + 100] for i in range(0, len(content), 100))
    )  # fmt: skip

    assert response.status_code == 200
    assert stored(response.json()) == ["2.25.501.3"]


def _forget_peaks(portal: RunningPortal) -> int:
    """Returns the most that any process of the server holds now."""
    for process in _processes(portal):
        (process / "clear_refs").write_text("5")  # since Linux 4.0: VmHWM starts again
    return _peak_kib(portal)


def _peak_kib(portal: RunningPortal) -> int:
    status = "".join((process / "status").read_text() for process in _processes(portal))
    return max(map(int, re.findall(r"VmHWM:\s+(\d+) kB", status)))


def _processes(portal: RunningPortal) -> list[Path]:
    children = Path(f"/proc/{portal.pid}/task/{portal.pid}/children").read_text().split()
    return [Path("/proc") / child for child in children]


def test_memory_stays_flat_while_a_large_instance_comes_in(portal, machine):
    machine.post(f"{portal.url}/dicom-web/studies", data=body(an_instance("2.25.502")))
    before = _forget_peaks(portal)

    response = machine.post(
        f"{portal.url}/dicom-web/studies",
        data=write_parts("b", [("application/dicom", a_large_instance("2.25.503", 320 * MIB))]),
    )

    assert response.status_code == 200
    assert stored(response.json()) == ["2.25.503.3"]
    assert _peak_kib(portal) - before < 64 * 1024


@pytest.fixture
def connection(portal) -> Iterator[socket.socket]:
    address = urlsplit(portal.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        yield connection


def head(token: str, length: int, *more: str) -> bytes:
    lines = [
        "POST /dicom-web/studies HTTP/1.1", "Host: localhost", f"Content-Type: {FORM}",
        f"Authorization: Basic {base64.b64encode(f'technologist:{token}'.encode()).decode()}",
        f"Content-Length: {length}", *more, "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def test_a_client_that_waits_to_be_asked_for_the_body_is_asked(token, connection):
    content = body(an_instance("2.25.504"))

    connection.sendall(head(token, len(content), "Expect: 100-continue"))
    asked = connection.recv(1000)
    connection.sendall(content)

    assert asked.startswith(b"HTTP/1.1 100 Continue")
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")


def test_what_came_whole_is_kept_when_the_client_goes_away(portal, machine, token, connection):
    content = body(an_instance("2.25.505"), an_instance("2.25.506"))

    connection.sendall(head(token, len(content)) + content[:-300])
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()

    def found(uid: str) -> int:
        answer = machine.get(f"{portal.url}/dicom-web/studies?StudyInstanceUID={uid}.1")
        return len(answer.json())

    wait_for(lambda: found("2.25.505"), seconds=20)
    assert found("2.25.506") == 0
    assert not list((portal.directory / "objects" / "incoming").iterdir())


def test_an_instance_that_comes_alone_and_breaks_off_is_not_stored(
    portal, machine, token, connection
):
    content = an_instance("2.25.507")

    request = head(token, len(content) + 100).replace(FORM.encode(), b"application/dicom")
    connection.sendall(request + content)
    connection.shutdown(socket.SHUT_WR)

    assert connection.recv(1000).startswith(b"HTTP/1.1 400")
    answer = machine.get(f"{portal.url}/dicom-web/studies?StudyInstanceUID=2.25.507.1")
    assert answer.json() == []


def test_a_request_that_is_refused_by_its_headers_is_answered_though_its_body_is_large(
    portal, machine
):
    response = machine.post(
        f"{portal.url}/dicom-web/studies",
        data=bytes(8 * MIB),
        headers={"Content-Type": "application/zip"},
    )

    assert response.status_code == 415
