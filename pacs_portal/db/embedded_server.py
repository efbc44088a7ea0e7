"""A private PostgreSQL for machines without DATABASE_URL: made, started, shared and stopped here.

Every process that uses a data directory holds a shared lock on ``<data>.users.lock``. The kernel
drops it however the process ends, so these locks are a reference count that no crash falsifies,
and who leaves last stops the server. Making, starting and stopping happen under
``<data>.start.lock``. Nothing here knows Django: `pacs_portal.db.embedded` is the backend.
"""

import atexit
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

from psycopg import pq
from psycopg.conninfo import make_conninfo

from pacs_portal.db.errors import EmbeddedServerError, ServerInUseError
from pacs_portal.db.postgres_programs import (
    MAJOR_VERSION,
    NOBODY,
    run_program,
    runs_in,
    user_namespaces_work,
)
from pacs_portal.db.process_locks import SharedLock, exclusive_lock
from pacs_portal.db.server_settings import SERVER_SETTINGS

DEFAULT_PORT = 5432
# pg_trgm and full text search ask libc what a letter is: with C they drop É.
LC_CTYPE = "C.UTF-8" if sys.platform == "linux" else "UTF-8"
WAIT_SECONDS = 120  # crash recovery of a full max_wal_size on a slow disk
PG_CTL_WAIT = ("--silent", "--wait", "--timeout", str(WAIT_SECONDS))
SOCKET_PATH_MAX_BYTES = 107 if sys.platform == "linux" else 103  # sockaddr_un, without its NUL

_used_servers: set["EmbeddedServer"] = set()
_process_is_exiting = threading.Event()


class EmbeddedServer:
    """One PostgreSQL server on one data directory, shared by the processes of this machine."""

    def __init__(self, data_directory: Path | str, port: int | None = None) -> None:
        """Describe a server; nothing is made or started.

        Args:
            data_directory: Made on the first start; locks and the log lie beside it.
            port: TCP port on 127.0.0.1, open to every local user, for tests of poolers. Without
                it the server listens on a Unix socket only. Give it from the first start on.
        """
        self.data_directory = Path(data_directory).resolve()
        self.port = port
        self.socket_directory = _choose_socket_directory(self.data_directory, self._socket_name)
        self.log_file = self._beside("log")
        self._keep_mark = self._beside("keep")
        self._users = SharedLock(self._beside("users.lock"))

    # --- for users ---------------------------------------------------------------------------

    def start(self) -> None:
        """Have the server accept connections and count this process among its users."""
        if _process_is_exiting.is_set():
            raise EmbeddedServerError("This process is exiting and has released its database.")
        try:
            with self._start_lock():
                self._join()
        except PermissionError as error:
            raise EmbeddedServerError(
                f"{error}. The embedded database is {self.data_directory}: run as its owner, set "
                "PACS_VAR_DIR to a directory of your own, or set DATABASE_URL."
            ) from error

    def ensure(self) -> None:
        """Start unless this process already did: one attribute read, for every new connection."""
        if not self._users.is_held:
            self.start()

    def release(self) -> None:
        """Stop using the server; the last user stops it, unless it was told to stay."""
        if self._users.is_held:
            with self._start_lock():
                self._users.release()
                if not self._users.is_held_by_anyone() and not self.is_kept_running():
                    self._shut_down()

    def stop(self, *, force: bool = False) -> None:
        """Stop the server, also one that was told to stay.

        Raises:
            ServerInUseError: If other processes use it and ``force`` is not given.
        """
        with self._start_lock():
            self._stop(force=force)

    def delete(self) -> None:
        """Stop the server and delete its data.

        Raises:
            ServerInUseError: If other processes use it.
        """
        with self._start_lock():
            self._stop(force=False)
            if self._holds_cluster():
                # Renamed first: a half-deleted directory must not be taken for a database.
                doomed = self._make_temporary_directory()
                self.data_directory.rename(doomed)
                shutil.rmtree(doomed)

    def keep_running(self) -> None:
        """Leave the server up when its last user exits, until `stop`."""
        self._keep_mark.touch()

    def is_kept_running(self) -> bool:
        return self._keep_mark.exists()

    def is_accepting(self) -> bool:
        """Ask the server itself: False while it starts, recovers, stops or is not there."""
        # By the socket, which is this server's own; a TCP port could be another's.
        host, port = str(self.socket_directory), self.port or DEFAULT_PORT
        conninfo = make_conninfo(
            host=host, port=port, user="postgres", dbname="postgres", connect_timeout=5
        )
        return pq.PGconn.ping(conninfo.encode()) == pq.Ping.OK

    def is_in_use(self) -> bool:
        """Whether any process counts as a user."""
        with self._start_lock():
            return self._users.is_held_by_anyone()

    def conninfo(self, name: str) -> str:
        """Connection string of a database for psycopg and libpq."""
        host = "127.0.0.1" if self.port else str(self.socket_directory)
        return make_conninfo(
            host=host, port=self.port or DEFAULT_PORT, user="postgres", dbname=name
        )

    def database_url(self, name: str) -> str:
        """DATABASE_URL of a database, in the form django-environ reads."""
        if self.port:
            return f"postgres://postgres@127.0.0.1:{self.port}/{quote(name)}"
        directory = quote(str(self.socket_directory))
        return f"postgres://postgres@:{DEFAULT_PORT}/{directory}/{quote(name)}"

    def postmaster_pid(self) -> int | None:
        """The process that serves the data directory now; a stale pid file counts for nothing."""
        pid = self._recorded_pid()
        return pid if pid and runs_in(pid, self.data_directory) else None

    # --- start and stop, all under the start lock --------------------------------------------

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        self.data_directory.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(self._beside("start.lock")):
            yield

    def _join(self) -> None:
        # Counted first: a keyboard interrupt half-way then still stops the server at exit.
        self._users.acquire()
        _used_servers.add(self)
        try:
            self._own_socket_directory()
            self._bring_up()
        except Exception:
            self._users.release()
            raise

    def _bring_up(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.is_accepting():
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"PostgreSQL in {self.data_directory} did not accept connections within "
                    f"{WAIT_SECONDS} s. Its log is {self.log_file}."
                )
            # A living postmaster is starting, recovering or stopping: wait for what comes of it.
            launched = self.postmaster_pid() is None and self._launch()
            if not launched:
                time.sleep(0.05)

    def _launch(self) -> bool:
        """Start the postmaster; False while children of a killed one still hold its memory."""
        if not self._holds_cluster():
            self._make_cluster()
        _hand_over(self.data_directory, self._server_uid())
        self.data_directory.chmod(0o700)  # PostgreSQL refuses what a `chmod -R` opened to others
        self._remove_pid_files_in_the_way()
        self.log_file.touch(mode=0o600)
        with self.log_file.open("ab") as log:
            earlier_bytes = log.tell()
            options = ["-o", self._server_options()]
            started = self._run("pg_ctl", "start", *PG_CTL_WAIT, *options, output=log)
        if started.returncode == 0:
            return True
        said = self.log_file.read_bytes()[earlier_bytes:].decode(errors="replace")
        if "pre-existing shared memory block" in said:
            return False
        raise EmbeddedServerError(f"PostgreSQL did not start ({self.log_file}):\n{said[-2000:]}")

    def _server_options(self) -> str:
        settings = SERVER_SETTINGS | {
            # A list of names in double quotes.
            "unix_socket_directories": '"{}"'.format(str(self.socket_directory).replace('"', '""')),
            "unix_socket_permissions": "0700",
            "listen_addresses": "127.0.0.1" if self.port else "",
            "port": str(self.port or DEFAULT_PORT),
        }
        if self._build_has_lz4():
            settings["wal_compression"] = "lz4"
        return " ".join(f"-c {name}={shlex.quote(value)}" for name, value in settings.items())

    def _build_has_lz4(self) -> bool:
        """Ask the program; without lz4 the WAL stays plain, as pglz costs more than it saves."""
        return self._run("postgres", "-C", "fsync", "-c", "wal_compression=lz4").returncode == 0

    def _stop(self, *, force: bool) -> None:
        self._users.release()
        if not force and self._users.is_held_by_anyone():
            raise ServerInUseError(f"Other processes use the database in {self.data_directory}.")
        self._keep_mark.unlink(missing_ok=True)
        self._shut_down()

    def _shut_down(self) -> None:
        self._await_recovery()
        # What was committed survives the immediate stop too, by crash recovery.
        for mode in ("fast", "immediate"):
            if self.postmaster_pid() is not None:
                self._run("pg_ctl", "stop", "--mode", mode, *PG_CTL_WAIT)
        if (pid := self.postmaster_pid()) is not None:
            raise EmbeddedServerError(f"PostgreSQL (process {pid}) did not stop; {self.log_file}")
        if self.socket_directory != self.data_directory and self.socket_directory.exists():
            shutil.rmtree(self.socket_directory)

    def _await_recovery(self) -> None:
        """Let a starting server finish: PostgreSQL 18 hangs if a fast stop meets crash recovery."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.postmaster_pid() and not self.is_accepting() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _run(
        self, name: str, *arguments: str, output: IO[bytes] | int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[bytes]:
        owner = self._server_uid()
        data = self.data_directory
        return run_program(name, *arguments, data_directory=data, uid=owner, output=output)

    # --- files and their owner ---------------------------------------------------------------

    def _beside(self, suffix: str) -> Path:
        return self.data_directory.with_name(f"{self.data_directory.name}.{suffix}")

    def _server_uid(self) -> int:
        """The user whom the server runs as; root (0) stands for root in a user namespace."""
        me = os.geteuid()
        owner = self.data_directory.stat().st_uid if self.data_directory.exists() else me
        if me not in (0, owner):
            raise PermissionError(f"{self.data_directory} belongs to user {owner}, you are {me}")
        if owner != 0:
            return owner
        return 0 if user_namespaces_work() else NOBODY

    def _holds_cluster(self) -> bool:
        """Whether data is there; what is not ours is neither served nor deleted."""
        data = self.data_directory
        if not data.exists() or not any(data.iterdir()):
            return False
        version = data / "PG_VERSION"
        found = f"PostgreSQL {version.read_text().strip()}" if version.exists() else "other files"
        if found != f"PostgreSQL {MAJOR_VERSION}":
            raise EmbeddedServerError(
                f"{data} holds {found}, not PostgreSQL {MAJOR_VERSION}. Move it away, or set "
                "DATABASE_URL to a server that serves it."
            )
        return True

    def _make_cluster(self) -> None:
        """Run initdb in a sibling directory and rename it: a killed initdb leaves no database."""
        new = self._make_temporary_directory()
        uid = self._server_uid()
        _hand_over(new, uid)
        made = run_program(
            "initdb",
            *("--username", "postgres", "--data-checksums"),
            *("--auth-local", "trust", "--auth-host", "trust" if self.port else "reject"),
            *("--encoding", "UTF8", "--locale", "C", "--lc-ctype", LC_CTYPE),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            data_directory=new,
            uid=uid,
        )
        if made.returncode:
            shutil.rmtree(new)
            raise EmbeddedServerError(f"initdb failed: {made.stdout.decode(errors='replace')}")
        new.rename(self.data_directory)
        _fsync_directory(self.data_directory.parent)

    def _make_temporary_directory(self) -> Path:
        """Make an empty private sibling of the data directory; sweep those that crashes left."""
        prefix = f"{self.data_directory.name}.unfinished-"
        for leftover in self.data_directory.parent.iterdir():
            if leftover.name.startswith(prefix):
                # The initdb of a killed process may still write into it; a later sweep gets it.
                shutil.rmtree(leftover, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=self.data_directory.parent))

    @property
    def _socket_name(self) -> str:
        return f".s.PGSQL.{self.port or DEFAULT_PORT}"

    def _own_socket_directory(self) -> None:
        """Make the short socket directory, which lies where others could have made it before."""
        if self.socket_directory == self.data_directory:
            return
        uid = self._server_uid()
        if not os.path.lexists(self.socket_directory):
            self.socket_directory.mkdir(mode=0o700)
            os.chown(self.socket_directory, uid, -1)
        found = self.socket_directory.lstat()
        if (found.st_mode, found.st_uid) != (0o40700, uid):
            raise EmbeddedServerError(
                f"{self.socket_directory} is not a private directory of user {uid}: remove it."
            )

    def _recorded_pid(self) -> int | None:
        try:
            first_line, _, _ = (self.data_directory / "postmaster.pid").read_text().partition("\n")
        except FileNotFoundError:
            return None
        return int(first_line) if first_line.isdecimal() else None

    def _remove_pid_files_in_the_way(self) -> None:
        """Remove the pid files of a dead postmaster whose number is still, or again, in use.

        PostgreSQL takes a zombie that nobody has reaped, or a stranger after a reboot, for its own
        postmaster. Living children of the dead one it still notices, by the shared memory.
        """
        pid = self._recorded_pid()
        if pid and Path("/proc", str(pid)).exists() and not runs_in(pid, self.data_directory):
            (self.data_directory / "postmaster.pid").unlink()
            (self.socket_directory / f"{self._socket_name}.lock").unlink(missing_ok=True)


def _choose_socket_directory(data_directory: Path, socket_name: str) -> Path:
    """The data directory, or a short one where that does not fit into a socket address."""
    path_bytes = len(os.fsencode(data_directory / socket_name))
    # libpq would read a comma as the end of the host.
    if path_bytes <= SOCKET_PATH_MAX_BYTES and "," not in str(data_directory):
        return data_directory
    digest = hashlib.sha256(os.fsencode(data_directory)).hexdigest()[:16]
    return Path("/tmp", f"pacs-postgresql-{digest}")  # noqa: S108  its owner and mode are checked


def _hand_over(directory: Path, uid: int) -> None:
    """Give a tree to the server's user; only root ever has to."""
    if directory.stat().st_uid != uid:
        for parent, directories, files in os.walk(directory):
            for name in [*directories, *files]:
                os.lchown(Path(parent, name), uid, -1)
        os.chown(directory, uid, -1)


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _release_all() -> None:
    _process_is_exiting.set()
    for server in list(_used_servers):
        server.release()


atexit.register(_release_all)
