"""Runs an operation from several processes at once, and watches a server's memory meanwhile."""

import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

# Called once in each client's process with its number; what it returns is called over and over.
Operation = Callable[[int], Callable[[], object]]

_processes = multiprocessing.get_context("fork")
_SAMPLING_SECONDS = 0.25
MIB = 1024 * 1024


@dataclass
class Timings:
    """Seconds that each request took, and the seconds of the clock in which all of them ran."""

    latencies: list[float] = field(default_factory=list)
    elapsed: float = 0
    peak_bytes: int = 0

    def add(self, other: "Timings") -> None:
        self.latencies += other.latencies
        self.elapsed += other.elapsed
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.elapsed

    def percentile(self, percent: int) -> float:
        if len(self.latencies) < 2:
            return self.latencies[0]
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1]


def run(operation: Operation, *, clients: int, seconds: float, fewest: int = 1) -> Timings:
    """Repeat an operation for some seconds, and at least `fewest` times in each client.

    Raises:
        FailedError: If a client got no proper answer.
    """
    barrier = _processes.Barrier(clients)
    ends = []
    for number in range(clients):
        ours, theirs = _processes.Pipe(duplex=False)
        task = (operation, number, barrier, (seconds, fewest), theirs)
        process = _processes.Process(target=_client, args=task, daemon=True)
        process.start()
        theirs.close()
        ends.append((process, ours))
    answers = [(ours.recv(), process.join())[0] for process, ours in ends]
    if failures := [answer for answer in answers if isinstance(answer, str)]:
        raise FailedError(max(failures, key=len))  # those who waited at the barrier say less
    started = min(start for start, _, _ in answers)
    ended = max(end for _, end, _ in answers)
    return Timings([one for _, _, latencies in answers for one in latencies], ended - started)


class FailedError(Exception):
    """A client got no proper answer."""


def _client(operation, number, barrier, duration, answer) -> None:
    """One client: connects and warms up before the clock starts."""
    seconds, fewest = duration
    try:
        call = operation(number)
        call()
        barrier.wait()
        latencies = []
        started = now = time.perf_counter()
        while now < started + seconds or len(latencies) < fewest:
            call()
            ended = time.perf_counter()
            latencies.append(ended - now)
            now = ended
    except Exception as error:
        barrier.abort()
        answer.send(f"{type(error).__name__}: {error}")
    else:
        answer.send((started, now, latencies))


class MemoryWatch:
    """Highest proportional set size of a process and all below it, while the block runs."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self.peak_bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "MemoryWatch":
        if self._pid:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._pid:
            self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, memory_of(self._pid))
            if self._over.wait(_SAMPLING_SECONDS):
                return


def memory_of(pid: int) -> int:
    """Bytes of a process and all below it; pages that several share are counted once."""
    total = 0
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:  # a worker that was just replaced
            continue
    return total
