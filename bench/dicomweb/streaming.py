"""Memory of the portal while a study of some gigabytes streams in and out."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.dicomweb.client import Connection
from bench.dicomweb.ct_study import BOUNDARY, CONTENT_TYPE, CtStudy
from bench.dicomweb.measure import MIB, MemoryWatch, memory_of
from bench.dicomweb.operations import INSTANCES, STORED_PATIENT
from bench.dicomweb.servers import Portal


@dataclass(frozen=True)
class _Streamed:
    what: str
    size_bytes: int
    seconds: float
    base_bytes: int
    peak_bytes: int

    def row(self) -> str:
        rise = (self.peak_bytes - self.base_bytes) / MIB
        return (
            f"| {self.what} | {self.size_bytes / 1e9:.1f} | {self.seconds:.0f}"
            f" | {self.size_bytes / 1e6 / self.seconds:,.0f} | {self.base_bytes / MIB:,.0f}"
            f" | {self.peak_bytes / MIB:,.0f} | {rise:,.0f} |"
        )


def table(portal: Portal, study: CtStudy, gigabytes: int) -> str:
    """One request that stores such a study, and one that retrieves it."""
    large = _Large(study, gigabytes * 10**9)
    connection = Connection(f"{portal.url}/dicom-web", portal.headers)
    connection.measure(f"/studies/{study.study_uid}", INSTANCES)  # everything is loaded once

    def retrieve() -> None:
        received = connection.measure(f"/studies/{large.study_uid}", INSTANCES)
        assert received > gigabytes * 10**9

    def store() -> None:
        answer = connection.post("/studies", CONTENT_TYPE, large.size_bytes, large.multipart())
        assert len(json.loads(answer)["00081199"]["Value"]) == large.instances

    rows = [
        _watched("in, by one STOW-RS request", large.size_bytes, portal, store),
        _watched("out, by one WADO-RS request", large.size_bytes, portal, retrieve),
    ]
    heading = (
        "| a study streams | GB | seconds | MB/s | MiB before | MiB at most | rise |\n"
        "|---|--:|--:|--:|--:|--:|--:|\n"
    )
    return heading + "\n".join(row.row() for row in rows)


def _watched(what: str, size_bytes: int, portal: Portal, stream: Callable[[], None]) -> _Streamed:
    base = memory_of(portal.pid)
    started = time.perf_counter()
    with MemoryWatch(portal.pid) as memory:
        stream()
    return _Streamed(what, size_bytes, time.perf_counter() - started, base, memory.peak_bytes)


class _Large:
    """Copies of the CT study as series of one study: the same content under other UIDs."""

    def __init__(self, study: CtStudy, size_bytes: int) -> None:
        copies = -(-size_bytes // study.multipart_bytes)
        first = study.another(STORED_PATIENT, 99)
        self.study_uid = first.study_uid
        self._copies = [first]
        for _ in range(copies - 1):
            self._copies.append(study.another(STORED_PATIENT, 99).moved_to(first))
        self.instances = sum(len(copy.slices) for copy in self._copies)
        self.size_bytes = sum(map(len, self.multipart()))

    def multipart(self) -> Iterator[bytes]:
        end = f"\r\n--{BOUNDARY}--\r\n".encode()
        parts = (list(copy.multipart())[:-1] for copy in self._copies)
        yield from itertools.chain.from_iterable(parts)
        yield end
