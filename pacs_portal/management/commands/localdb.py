"""Start, stop and inspect the embedded database by hand."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from pacs_portal.db.embedded.base import embedded_server
from pacs_portal.db.embedded_server import EmbeddedServer
from pacs_portal.db.errors import EmbeddedServerError, ServerInUseError

ACTIONS = {
    "start": "start it and keep it up until stop",
    "stop": "stop it; refused while other processes use it, unless --force",
    "status": "tell where it is, its version and its size",
    "psql": "open psql on it",
    "reset": "delete all its data",
}


class Command(BaseCommand):
    help = "The embedded PostgreSQL of a portal without DATABASE_URL: " + "; ".join(
        f"{name}: {meaning}" for name, meaning in ACTIONS.items()
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=list(ACTIONS))
        parser.add_argument(
            "--force",
            action="store_true",
            help="stop although others use it; their next connection starts it again",
        )
        parser.add_argument("--noinput", "--no-input", action="store_true", help="do not ask")

    def handle(self, *, action: str, force: bool, noinput: bool, **options: Any) -> None:  # noqa: ARG002  Django passes its own
        if "pgdata" not in connection.settings_dict["OPTIONS"]:
            raise CommandError("DATABASE_URL is set, so this portal has no embedded database.")
        server = embedded_server(connection.settings_dict)
        try:
            self._act(action, server, force=force, noinput=noinput)
        except ServerInUseError as error:
            raise CommandError(f"{error} Stop them first.") from error
        except EmbeddedServerError as error:
            raise CommandError(str(error)) from error

    def _act(self, action: str, server: EmbeddedServer, *, force: bool, noinput: bool) -> None:
        match action:
            case "start":
                server.start()
                server.keep_running()
                self.stdout.write(f"Up until `localdb stop`: {server.conninfo('postgres')}")
            case "stop":
                server.stop(force=force)
                self.stdout.write("Stopped.")
            case "status":
                self._tell_status(server)
            case "psql":
                call_command("dbshell")
            case "reset":
                self._reset(server, noinput=noinput)

    def _tell_status(self, server: EmbeddedServer) -> None:
        data = server.data_directory
        if not data.exists():
            self.stdout.write(f"No database yet: the first connection makes it in {data}.")
            return
        pid = server.postmaster_pid()
        state = f"running, process {pid}" if pid else "not running"
        if server.is_kept_running():
            state += ", kept up until stop"
        lines = [
            f"State:   {state}",
            f"In use:  {'yes' if server.is_in_use() else 'no'}",
            f"Version: PostgreSQL {(data / 'PG_VERSION').read_text().strip()}",
            f"Data:    {data}, {_size_bytes(data) / 1024**2:.0f} MiB",
            f"Log:     {server.log_file}",
            f"Connect: {server.conninfo('postgres')}",
        ]
        self.stdout.write("\n".join(lines))

    def _reset(self, server: EmbeddedServer, *, noinput: bool) -> None:
        if not noinput:
            self.stdout.write(f"Delete all data in {server.data_directory}? Type yes: ", ending="")
            self.stdout.flush()
            if sys.stdin.readline().strip() != "yes":
                raise CommandError("Nothing was deleted.")
        server.delete()
        self.stdout.write("Deleted; the next connection makes an empty database.")


def _size_bytes(directory: Path) -> int:
    """Size of the files; those that a running server removes meanwhile count nothing."""
    return sum(_file_size_bytes(path) for path in directory.rglob("*"))


def _file_size_bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
