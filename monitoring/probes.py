"""Questions to the real components, each answered within a time limit."""

import math
import select
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
from django.db import connections
from psycopg import pq

State = Literal["up", "down"]


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found; `detail` never holds addresses, names or passwords."""

    state: State
    latency_ms: float | None
    detail: str


_lock = threading.Lock()
_in_flight: Future[ProbeResult] | None = None


def probe_database(timeout_seconds: float) -> ProbeResult:
    """Ask the database `SELECT 1` on a connection of its own.

    Never takes longer than the limit, whatever the server or the name service does: the question
    runs in a thread, at most one per process, and callers that come meanwhile share its answer.
    """
    started = time.monotonic()
    future = _question_in_flight(timeout_seconds)
    try:
        return future.result(timeout=timeout_seconds)
    except FutureTimeoutError:
        return _down(started, "no answer within the time limit")


def _question_in_flight(timeout_seconds: float) -> Future[ProbeResult]:
    global _in_flight  # noqa: PLW0603 - one per process is the point
    with _lock:
        if _in_flight is None or _in_flight.done():
            _in_flight = Future()
            threading.Thread(
                target=_answer, args=(_in_flight, timeout_seconds), name="probe", daemon=True
            ).start()
        return _in_flight


def _answer(future: Future[ProbeResult], timeout_seconds: float) -> None:
    try:
        future.set_result(_measure(timeout_seconds))
    except Exception as error:
        future.set_exception(error)


def _measure(timeout_seconds: float) -> ProbeResult:
    started = time.monotonic()
    try:
        _ask(_connection_parameters(), deadline=started + timeout_seconds)
    except TimeoutError:
        return _down(started, "no answer within the time limit")
    except psycopg.Error as error:
        # The message may name host and user: the kind of error is enough.
        return _down(started, f"no connection ({type(error).__name__})")
    return ProbeResult("up", _milliseconds_since(started), "answers")


def _ask(parameters: dict[str, Any], *, deadline: float) -> None:
    """Connect and ask, with the deadline kept on our side: a hung server keeps no timeout."""
    timeout = math.ceil(max(deadline - time.monotonic(), 1))
    with closing(psycopg.connect(**parameters, connect_timeout=timeout)) as connection:
        server = connection.pgconn
        server.send_query(b"SELECT 1")
        while server.is_busy():
            remaining = max(deadline - time.monotonic(), 0)
            if not select.select([server.socket], [], [], remaining)[0]:
                raise TimeoutError
            server.consume_input()
        answer = server.get_result()
        if answer is None or answer.status != pq.ExecStatus.TUPLES_OK:
            raise psycopg.OperationalError("SELECT 1 failed")


def _connection_parameters() -> dict[str, Any]:
    """What libpq needs of Django's settings; asking Django for it could start a server."""
    configured = connections["default"].settings_dict
    keywords = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    parameters = {k: v for k, v in configured["OPTIONS"].items() if k in keywords}
    parameters |= {
        "dbname": configured["NAME"],
        "user": configured["USER"],
        "password": configured["PASSWORD"],
        "host": configured["HOST"],
        "port": configured["PORT"],
        "application_name": "pacs-probe",
    }
    if data_directory := configured["OPTIONS"].get("pgdata"):
        parameters["host"], parameters["port"] = _embedded_server_socket(Path(data_directory))
    parameters.pop("connect_timeout", None)
    return {keyword: value for keyword, value in parameters.items() if value}


def _embedded_server_socket(data_directory: Path) -> tuple[str, str]:
    """Socket directory and port that a running server notes in its data directory."""
    try:
        lines = (data_directory / "postmaster.pid").read_text().splitlines()
        return lines[4], lines[3]
    except (FileNotFoundError, IndexError):
        raise psycopg.OperationalError("the embedded server is not running") from None


def _down(started: float, detail: str) -> ProbeResult:
    return ProbeResult("down", _milliseconds_since(started), detail)


def _milliseconds_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
