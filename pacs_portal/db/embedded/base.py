"""Django database backend: PostgreSQL as everywhere, on the embedded server of this machine.

``OPTIONS["pgdata"]`` names the data directory. The first connection starts the server, never the
import of settings, so commands that need no database start none.
"""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql.client import DatabaseClient as PostgresClient
from django.db.utils import OperationalError
from django_prometheus.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper

from pacs_portal.db.embedded_server import DEFAULT_PORT, EmbeddedServer
from pacs_portal.db.errors import EmbeddedServerError
from pacs_portal.db.postgres_programs import find_programs

_servers: dict[str, EmbeddedServer] = {}


def embedded_server(settings_dict: dict[str, Any]) -> EmbeddedServer:
    """The server of a database of `settings.DATABASES`: one object a process; not started."""
    pgdata = settings_dict["OPTIONS"]["pgdata"]
    return _servers.get(pgdata) or _servers.setdefault(pgdata, EmbeddedServer(pgdata))


class DatabaseClient(PostgresClient):
    """``manage.py dbshell``, with the psql that came with the server."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        server = embedded_server(settings_dict)
        server.ensure()
        address = {"HOST": str(server.socket_directory), "PORT": DEFAULT_PORT}
        arguments, env = super().settings_to_cmd_args_env(settings_dict | address, parameters)
        psql = find_programs() / "psql"
        return [str(psql) if psql.exists() else arguments[0], *arguments[1:]], env


class DatabaseWrapper(PostgresWrapper):  # type: ignore[misc]  # django_prometheus has no types
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        server = embedded_server(self.settings_dict)
        try:
            server.ensure()
        except EmbeddedServerError as error:
            raise OperationalError(str(error)) from error
        self.settings_dict["HOST"] = str(server.socket_directory)
        self.settings_dict["PORT"] = str(DEFAULT_PORT)
        params: dict[str, Any] = super().get_connection_params()
        del params["pgdata"]
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; a server that was killed, stopped or is recovering is brought up first."""
        try:
            return super().get_new_connection(conn_params)
        except self.Database.OperationalError:
            self._bring_up()
            return super().get_new_connection(conn_params)

    def _bring_up(self) -> None:
        try:
            embedded_server(self.settings_dict).start()
        except EmbeddedServerError as error:
            raise OperationalError(str(error)) from error
