"""The embedded PostgreSQL, with real servers in directories of their own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path

import environ
import psycopg
import pytest
from django.db import connections

from pacs_portal.db.embedded.base import DatabaseWrapper, embedded_server
from pacs_portal.db.embedded_server import EmbeddedServer
from pacs_portal.db.errors import EmbeddedServerError, ServerInUseError
from pacs_portal.db.postgres_programs import find_programs

CHECKOUT = Path(__file__).resolve().parents[2]

# Uses the server of its argument until its standard input closes.
CLIENT = """
import sys
from pacs_portal.db.embedded_server import EmbeddedServer
server = EmbeddedServer(sys.argv[1])
server.start()
print(server.postmaster_pid(), flush=True)
sys.stdin.read()
"""

# With --preload the master starts the server and the workers are forked from a user of it.
WSGI_APPLICATION = """
import os, psycopg
from pacs_portal.db.embedded_server import EmbeddedServer
server = EmbeddedServer(os.environ["DATA"])
server.start()

def application(environ, start_response):
    server.ensure()
    with psycopg.connect(server.conninfo("postgres")) as connection:
        connection.execute("SELECT 1")
    start_response("200 OK", [])
    return [b"answered"]
"""


@pytest.fixture
def absent_server(tmp_path):
    """A server whose data directory does not exist yet."""
    server = EmbeddedServer(tmp_path / "data")
    yield server
    server.stop(force=True)
    server.delete()


@pytest.fixture(scope="module")
def data_directory(tmp_path_factory):
    server = EmbeddedServer(tmp_path_factory.mktemp("cluster") / "data")
    server.start()
    server.stop()
    yield server.data_directory
    server.delete()


@pytest.fixture
def server(data_directory):
    """A stopped server; its data is the module's, for initdb takes longer than most tests."""
    server = EmbeddedServer(data_directory)
    yield server
    server.stop(force=True)


@contextmanager
def client(server):
    """Another process that uses the server; leaves in good order at the end of the block."""
    command = [sys.executable, "-c", CLIENT, str(server.data_directory)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


def can_be_reached(address):
    with closing(socket.socket(socket.AF_UNIX)) as attempt:
        return attempt.connect_ex(address) == 0


def is_running(process_group):
    try:
        os.killpg(process_group, 0)
    except ProcessLookupError:
        return False
    return True


def execute(server, statement):
    with closing(psycopg.connect(server.conninfo("postgres"), autocommit=True)) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def manage(*arguments, var, database_url=""):
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "pacs_portal.settings",
        "PACS_DEMONSTRATION": "true",
        "PACS_VAR_DIR": str(var),
        "DATABASE_URL": database_url,
    }
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=CHECKOUT, env=env, input="", capture_output=True, text=True, check=False
    )


# --- durability ------------------------------------------------------------------------------


def test_data_survives_stop_and_start(server):
    server.start()
    execute(server, "CREATE TABLE stopped AS SELECT 42 AS answer")

    server.stop()
    assert not server.is_accepting()
    server.start()

    assert execute(server, "SELECT answer FROM stopped") == 42


def test_data_opened_to_others_by_chmod_is_made_private_again(server):
    server.data_directory.chmod(0o755)

    server.start()

    assert server.data_directory.stat().st_mode & 0o777 == 0o700


def test_a_killed_postmaster_loses_nothing_that_was_committed(server):
    server.start()
    execute(server, "CREATE TABLE killed AS SELECT 42 AS answer")

    os.kill(server.postmaster_pid(), signal.SIGKILL)
    server.start()

    assert execute(server, "SELECT answer FROM killed") == 42


def test_a_killed_postmaster_is_replaced_only_when_its_busy_children_are_gone(server):
    server.start()
    with closing(psycopg.connect(server.conninfo("postgres"), autocommit=True)) as connection:
        busy_pid = connection.info.backend_pid
        connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 5000000)")
        os.kill(server.postmaster_pid(), signal.SIGKILL)

        server.start()

    assert not Path(f"/proc/{busy_pid}/cwd").exists()
    assert server.is_accepting()


def test_what_is_acknowledged_is_durable_whatever_the_configuration_file_says(server):
    settings = ("fsync", "full_page_writes", "synchronous_commit")
    server.start()
    for setting in settings:
        execute(server, f"ALTER SYSTEM SET {setting} = off")

    server.stop()
    server.start()

    assert [execute(server, f"SHOW {setting}") for setting in settings] == ["on", "on", "on"]
    execute(server, "ALTER SYSTEM RESET ALL")


def test_a_new_cluster_has_checksums_and_knows_letters_beyond_ascii(server):
    server.start()

    assert execute(server, "SHOW data_checksums") == "on"
    assert execute(server, "SELECT upper('é')") == "É"
    execute(server, "CREATE EXTENSION pg_trgm")
    assert execute(server, "SELECT similarity('Müller', 'MÜLLER')") == 1


def test_a_killed_initdb_leaves_nothing_that_is_taken_for_a_database(absent_server):
    command = [sys.executable, "-c", CLIENT, str(absent_server.data_directory)]
    parent = absent_server.data_directory.parent
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        wait_until(lambda: list(parent.glob("data.unfinished-*/PG_VERSION")))
        os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(process.pid))
    assert not absent_server.data_directory.exists()

    absent_server.start()

    assert execute(absent_server, "SELECT 1") == 1
    assert list(parent.glob("data.unfinished-*")) == []


def test_a_directory_with_other_files_is_neither_served_nor_deleted(tmp_path):
    letter = tmp_path / "data" / "letter.txt"
    letter.parent.mkdir()
    letter.write_text("keep me")
    server = EmbeddedServer(letter.parent)

    with pytest.raises(EmbeddedServerError, match="holds other files, not PostgreSQL 18"):
        server.start()
    with pytest.raises(EmbeddedServerError, match="holds other files, not PostgreSQL 18"):
        server.delete()

    assert letter.read_text() == "keep me"
    assert not server.is_in_use()


def test_a_stale_pid_file_that_names_a_stranger_does_not_prevent_the_start(server):
    server.start()
    pid_file = server.data_directory / "postmaster.pid"
    _, _, rest = pid_file.read_text().partition("\n")
    server.stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pid_file.write_text(f"{stranger.pid}\n{rest}")

        server.start()

        assert stranger.poll() is None
        stranger.terminate()
    assert server.postmaster_pid() != stranger.pid


# --- processes that share it -----------------------------------------------------------------


def test_a_killed_client_leaves_the_server_to_the_others_and_the_last_one_stops_it(server):
    with client(server) as last:
        last.stdout.readline()
        with client(server) as killed:
            killed.stdout.readline()
            killed.kill()
        assert server.is_accepting()

    assert not server.is_accepting()
    assert server.postmaster_pid() is None


def test_a_server_whose_clients_were_all_killed_is_adopted_and_stopped_by_the_next(server):
    with client(server) as killed:
        orphan = int(killed.stdout.readline())
        killed.kill()
    assert server.is_accepting()

    with client(server) as heir:
        assert int(heir.stdout.readline()) == orphan

    assert not server.is_accepting()


def test_eight_processes_that_start_at_once_share_one_server(absent_server):
    command = [sys.executable, "-c", CLIENT, str(absent_server.data_directory)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    processes = [subprocess.Popen(command, cwd=CHECKOUT, **pipes) for _ in range(8)]
    pids = {int(process.stdout.readline()) for process in processes}
    for process in processes:
        process.communicate()

    assert len(pids) == 1
    assert {process.returncode for process in processes} == {0}
    assert not absent_server.is_accepting()


def test_a_server_in_use_is_stopped_by_force_only(server):
    with client(server) as process:
        process.stdout.readline()

        with pytest.raises(ServerInUseError):
            server.stop()
        assert server.is_accepting()
        server.stop(force=True)
        assert not server.is_accepting()


def test_a_server_in_use_is_not_deleted(server):
    with client(server) as process:
        process.stdout.readline()

        with pytest.raises(ServerInUseError):
            server.delete()

        assert execute(server, "SELECT 1") == 1


def test_a_server_told_to_stay_outlives_its_users_until_stop(server):
    server.start()
    server.keep_running()

    server.release()
    assert server.is_accepting()
    server.stop()

    assert not server.is_accepting()
    assert not server.is_kept_running()


def test_gunicorn_takes_the_server_down_with_it(server, tmp_path):
    (tmp_path / "wsgi_of_test.py").write_text(WSGI_APPLICATION)
    address = str(tmp_path / "gunicorn.sock")
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2"]
    command += ["--bind", f"unix:{address}", "--pythonpath", str(tmp_path), "--no-control-socket"]
    env = os.environ | {"DATA": str(server.data_directory), "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(
        [*command, "wsgi_of_test"], cwd=tmp_path, env=env, stderr=subprocess.DEVNULL
    ) as gunicorn:
        wait_until(lambda: can_be_reached(address))
        with closing(socket.socket(socket.AF_UNIX)) as request:
            request.connect(address)
            request.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: request.recv(4096), b""))
        assert answer.endswith(b"answered")
        assert server.is_accepting()

        gunicorn.terminate()

    assert not server.is_accepting()


# --- who can reach it, and what it writes down -----------------------------------------------


def test_it_listens_on_a_private_socket_and_on_no_port(server):
    server.start()

    assert server.socket_directory.stat().st_mode & 0o777 == 0o700
    descriptors = Path(f"/proc/{server.postmaster_pid()}/fd").iterdir()
    open_sockets = {str(d.readlink()) for d in descriptors} & {
        f"socket:[{line.split()[9]}]"
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    }
    assert open_sockets == set()


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(tmp_path):
    server = EmbeddedServer(tmp_path / ("long" * 25) / "data")

    server.start()
    socket_directory = server.socket_directory

    assert execute(server, "SELECT 1") == 1
    assert socket_directory.lstat().st_mode == 0o40700
    server.delete()
    assert not socket_directory.exists()


def test_a_short_socket_directory_that_others_may_enter_is_refused(tmp_path):
    server = EmbeddedServer(tmp_path / ("long" * 25) / "data")
    server.socket_directory.mkdir()
    server.socket_directory.chmod(0o755)

    with pytest.raises(EmbeddedServerError, match="not a private directory"):
        server.start()

    server.socket_directory.rmdir()


def test_the_log_quotes_no_values(server):
    server.start()
    execute(server, "CREATE TABLE patient (name text UNIQUE, birth_date date)")
    with closing(psycopg.connect(server.conninfo("postgres"), autocommit=True)) as connection:
        connection.execute("INSERT INTO patient VALUES ('Secret^Name', NULL)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO patient VALUES ('Secret^Name', NULL)")
        with pytest.raises(psycopg.errors.InvalidDatetimeFormat):
            connection.execute("SELECT %s::text::date", ["Secret^Name"])
        backend_pid = connection.info.backend_pid
        connection.pgconn.send_query(b"SELECT 'Secret^Name', pg_sleep(60)")
        os.kill(backend_pid, signal.SIGKILL)
        wait_until(lambda: "terminated by signal 9" in server.log_file.read_text())

    # In the middle of crash recovery, where PostgreSQL 18 alone would never end.
    server.stop()

    assert "Secret" not in server.log_file.read_text()
    assert server.log_file.stat().st_mode & 0o777 == 0o600


# --- as root ---------------------------------------------------------------------------------


@pytest.mark.root
def test_root_without_user_namespaces_runs_it_as_nobody(monkeypatch):
    if not all(parent.stat().st_mode & 0o001 for parent in find_programs().parents):
        pytest.skip("the programs lie where other users may not go")
    monkeypatch.setattr("pacs_portal.db.embedded_server.user_namespaces_work", lambda: False)
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        server = EmbeddedServer(Path(directory) / "data")

        server.start()

        assert execute(server, "SELECT 1") == 1
        assert Path(f"/proc/{server.postmaster_pid()}").stat().st_uid == 65534
        server.stop()


# --- addresses and programs ------------------------------------------------------------------


def test_the_database_url_of_a_socket_is_read_by_the_settings(server):
    server.start()

    config = environ.Env.db_url_config(server.database_url("postgres"))

    address = {"host": config["HOST"], "port": config["PORT"], "user": config["USER"]}
    with closing(psycopg.connect(dbname=config["NAME"], **address)) as connection:
        assert connection.info.host == str(server.socket_directory)


def test_a_server_with_a_port_is_reached_by_its_url(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    server = EmbeddedServer(tmp_path / "data", port=port)
    server.start()

    with closing(psycopg.connect(server.database_url("postgres"))) as connection:
        assert (connection.info.host, connection.info.port) == ("127.0.0.1", port)

    server.delete()
    assert not server.is_accepting()


def test_missing_programs_are_named_with_the_ways_out(absent_server, monkeypatch, tmp_path):
    monkeypatch.setenv("PACS_PG_BIN", str(tmp_path))

    with pytest.raises(EmbeddedServerError) as raised:
        absent_server.start()

    assert str(raised.value).startswith(f"PACS_PG_BIN is {tmp_path}, which has no PostgreSQL 18.")
    for way_out in ("DATABASE_URL", "requirements-dev.txt", "PACS_PG_BIN"):
        assert way_out in str(raised.value)
    assert not absent_server.data_directory.exists()


def test_programs_of_another_version_are_refused(monkeypatch, tmp_path):
    for name in ("postgres", "initdb", "pg_ctl"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.20'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PACS_PG_BIN", str(tmp_path))

    with pytest.raises(EmbeddedServerError, match="has no PostgreSQL 18"):
        find_programs()


# --- Django ----------------------------------------------------------------------------------


@pytest.fixture
def django_connection(server, django_db_blocker):
    settings_dict = {
        "NAME": "postgres",
        "USER": "postgres",
        "PASSWORD": "",
        "HOST": "",
        "PORT": "",
        "OPTIONS": {"pgdata": str(server.data_directory)},
        "TIME_ZONE": None,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "AUTOCOMMIT": True,
    }
    with django_db_blocker.unblock():
        connections["embedded"] = DatabaseWrapper(settings_dict, alias="embedded")
        yield connections["embedded"]
        connections["embedded"].close()
        del connections["embedded"]
        embedded_server(settings_dict).release()


def one(connection, statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def test_the_first_query_starts_the_server(django_connection, server):
    assert not server.is_accepting()

    assert one(django_connection, "SELECT 1") == 1


def test_a_connection_after_a_killed_postmaster_starts_it_again(django_connection, server):
    one(django_connection, "SELECT 1")
    django_connection.close()

    os.kill(server.postmaster_pid(), signal.SIGKILL)

    assert one(django_connection, "SELECT 1") == 1


def test_dbshell_gets_the_address_and_the_psql_of_the_server(django_connection):
    client_class = django_connection.client_class

    arguments, _ = client_class.settings_to_cmd_args_env(django_connection.settings_dict, ["-tA"])

    answer = subprocess.run([*arguments, "-c", "SELECT 40 + 2"], capture_output=True, check=True)
    assert answer.stdout == b"42\n"


def test_a_command_that_needs_no_database_starts_none(tmp_path):
    result = manage("check", var=tmp_path)

    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "postgresql").exists()


def test_localdb_starts_shows_and_resets(tmp_path):
    started = manage("localdb", "start", var=tmp_path)
    status = manage("localdb", "status", var=tmp_path)
    unconfirmed = manage("localdb", "reset", var=tmp_path)
    reset = manage("localdb", "reset", "--noinput", var=tmp_path)

    assert started.returncode == 0, started.stderr
    assert "kept up until stop" in status.stdout
    assert str(tmp_path / "postgresql" / "data") in status.stdout
    assert "Nothing was deleted" in unconfirmed.stderr
    assert reset.returncode == 0, reset.stderr
    assert not (tmp_path / "postgresql" / "data").exists()


def test_with_database_url_nothing_is_started(tmp_path):
    result = manage(
        "localdb", "start", var=tmp_path, database_url="postgres://nobody@127.0.0.1:1/none"
    )

    assert result.returncode == 1
    assert result.stderr == (
        "CommandError: DATABASE_URL is set, so this portal has no embedded database.\n"
    )
    assert not (tmp_path / "postgresql").exists()
